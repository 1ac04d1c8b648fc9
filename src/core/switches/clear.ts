import { isOf, mappingAt, mappingPath, nameOfPath } from "../model/mapping.js";
import type { Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { safeName } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import type { Image } from "../model/storage.js";
import { clearDevice } from "../steps/clear-device.js";
import { stepOf } from "../steps/step-of.js";
import { retireStep } from "../strategies/retire.js";
import { sameVdev } from "../xl/vdev.js";
import type { DomainMove } from "./restart.js";

/**
 * What earlier runs have left on the images that are moved, and this one does not go on with: a guest that was taken onto a device, or
 * made ready for it, and was then shut down and started, is on its image again, and what was laid over that stays until Dom0's next
 * boot. It would be in the way of any other strategy, whose guard finds the image in use.
 */
export function clearSteps({ domain, moves }: Pick<DomainMove, "domain" | "moves">, state: HostState): readonly Step[] {
  return moves.flatMap(({ move: { change: { image } }, fragments: { mirror } }) => {
    const kept = mirror === undefined ? undefined : nameOfPath(mirror.onto);
    return idleOver(image, domain, state).filter((name) => name !== kept).map((name) => stepOf(
      clearDevice, "prepare", `${safeName(name)}.clear`, { name, image: image.path },
      "an earlier run has left it, and the image is to be had in another way",
    ));
  });
}

/**
 * Devices over volumes, of disks that an earlier run has moved: a guest that is taken onto other disks leaves them by that. A run that
 * ended well has seen to it that they go then. One that died behind its commit, or a reboot of Dom0 that its guest was saved for, has not.
 */
export function leftBehind({ domain, moves }: Pick<DomainMove, "domain" | "moves">, state: HostState): readonly Step[] {
  return (domain.running?.attached ?? []).flatMap(({ vdev, params }) => {
    const mapping = mappingAt(params, state);
    if (mapping?.table.kind !== "linear" || mapping.table.on.startsWith("/") || moves.some(({ move }) => sameVdev(move.change.vdev, vdev))) return [];
    return [retireStep("settle", safeName(vdev), mapping.name, "the guest has left it for its volume")];
  });
}

function idleOver(image: Image, domain: Domain, { mappings = [], images }: HostState): readonly string[] {
  const { attached = [], stored = [] } = domain.running ?? {};
  const had = new Set([...attached.flatMap((disk) => [disk.params, servedFrom(disk)]), ...stored.map(({ target }) => target)]);
  const isIt = (leg: string): boolean => {
    const found = images[leg];
    return found !== undefined && found.inode === image.inode && found.devno === image.devno;
  };
  return mappings
    .filter(({ name, table }) => isOf(domain, name) && !had.has(mappingPath(name)) && (table.kind === "linear" ? [table.on] : [table.from, table.to]).some(isIt))
    .map(({ name }) => name);
}
