import { laidOver } from "../checks/image-laid-over.js";
import { usersOfImage } from "../checks/users.js";
import { foundByMove } from "../diff/found-by-move.js";
import { givenUp } from "../model/change.js";
import type { FinishMove } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { mappingAt } from "../model/mapping.js";
import { safeName, unzeroedOf } from "../model/names.js";
import type { PlanNode } from "../model/plan.js";
import { servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import { otherFileSystem } from "../model/storage.js";
import type { Image } from "../model/storage.js";
import { removeBootUnit } from "../steps/boot-unit.js";
import { guard } from "../steps/guard.js";
import { closeNode } from "../steps/qemu-mirror.js";
import { stepOf } from "../steps/step-of.js";
import { tidy } from "../steps/tidy.js";
import { retiredName, settleSteps } from "../strategies/settle.js";

/** The last steps of moves that an earlier run brought through: their images as the playbook says, and their volumes marked as the guest's. */
export function settling(domain: string, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  return finishes.flatMap((finish) => {
    const { vdev, volume, image, wish } = finish;
    const given = givenUp(finish, state.images);
    return settleSteps({
      domain, vdev, volume, image, source: wish.move.source, keepForSeconds: wish.move.keepForSeconds, unzeroed: unzeroedOf(state.volumes[volume]?.tags ?? []),
      ...(given === undefined ? {} : { looked: { domain, inode: given.inode, devno: given.devno } }),
    });
  });
}

/** Images that the guest's QEMU went away from, and still has open: nothing is done to one before, or what is deleted keeps its room. */
export function closing({ name: domain, running }: Domain, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  const open = (running?.qemu?.nodes ?? []).filter(({ node, path, driver }) =>
    driver !== "file" && finishes.some(({ image }) => image !== undefined && (path === image || state.images[path]?.realPath === image)) &&
    !(running?.attached.some((disk) => disk.open?.node === node) ?? false));
  return open.map(({ node, path }) =>
    stepOf(closeNode, "settle", `close-${safeName(node)}`, { domain, node, path }, "QEMU needs it no more"));
}

/** A move that went through but was not tidied up: what is left of it to do. */
export function finishing(
  guest: Domain, finishes: readonly FinishMove[], leaving: readonly Step[], state: HostState,
): readonly PlanNode[] {
  const { name: domain, running } = guest;
  // a guest that sits on a mapping needs it at the next boot too
  const mapped = running?.attached.some((disk) => mappingAt(servedFrom(disk), state) !== undefined) ?? false;
  return [
    // a switch has a look of its own
    ...(leaving.length === 0 ? stillThere(guest, finishes, state) : []),
    ...leaving,
    ...closing(guest, finishes, state),
    // what has been settled and is only left has no copy's mark any more
    ...settling(domain, finishes.filter(({ volume }) => state.volumes[volume]?.tags.includes("converge.role=copy") === true), state),
    ...(mapped ? [] : [stepOf(removeBootUnit, "finish", "remove-boot-unit", { domain }, "the switch is over")]),
    stepOf(tidy, "finish", "tidy", { domain }, "nothing of the run stays"),
  ];
}

/** What else is looked at again before anything is settled: a run that had died may have been taken back since, and its guest be on the image. */
function stillThere({ name, config, running }: Domain, finishes: readonly FinishMove[], state: HostState): readonly Step[] {
  if (config === undefined) return [];
  return [stepOf(guard, "prepare", "guard", {
    domain: name, bootId: state.host.bootId, config: { path: config.path, sha256: config.sha256 },
    ...(running === undefined ? {} : { running: { domid: running.domid, uuid: running.uuid } }),
    images: finishes.flatMap((finish) => {
      const image = givenUp(finish, state.images);
      return image === undefined ? [] : [{ path: image.path, inode: image.inode, devno: image.devno }];
    }),
  }, "what is settled can not be taken back")];
}

/** What lies under the image's name by now may be something else, or somebody's. */
export function againstSettling(finish: FinishMove, domain: Domain, state: HostState): readonly Diagnostic[] {
  const image = givenUp(finish, state.images);
  if (image === undefined) return [];
  const { vdev, volume, wish } = finish;
  const problem = (code: string, summary: string, detail: string, fix: string): Diagnostic =>
    ({ severity: "error", code, at: wish.at, subject: { host: state.host.name, domain: domain.name, vdev }, summary, detail, fix });
  const users = usersOfImage(image, { domain: domain.name, vdev }, state);
  if (users.length > 0) {
    return [problem(
      "image-shared", `${image.path} is used by others, and source: ${wish.move.source ?? "keep"} would take it from them`, users.join("\n"),
      "Say `source: keep`, or let nobody have it.",
    )];
  }
  const below = laidOver(image, wish.move.source, state);
  if (below !== undefined) return [problem("image-laid-over", below.summary, below.detail, below.fix)];
  const retired = retiredName(image.realPath);
  if (wish.move.source === "retire" && Object.hasOwn(state.images, retired)) {
    return [problem(
      "retired-name-taken", `${retired} is there already, and ${image.path} is to have that name when it is retired`,
      "no file is overwritten", "Move it out of the way, or say `source: keep`.",
    )];
  }
  const differs = otherThanMoved(image, volume, state);
  if (differs === undefined) return [];
  return [problem(
    "source-changed", `${image.path} is not the image any more that ${vdev} of ${domain.name} came from`,
    differs, "Look at what it is, and say `source: keep`.",
  )];
}

/**
 * How it is seen that it is not the file that the guest was moved off; undefined where it may well be that one. A UUID alone does not say
 * so of what is to be given up: a backup of the image that somebody has put in its place has the same.
 */
function otherThanMoved(image: Image, volume: string, state: HostState): string | undefined {
  if (otherFileSystem(image.content, state.volumes[volume]?.content)) return `it holds another file system than ${volume}`;
  const noted = foundByMove(volume, (path) => state.images[path]?.realPath === image.realPath, state);
  return noted === undefined || noted.inode === image.inode ? undefined : "the run that moved its guest off it found another file under this name";
}
