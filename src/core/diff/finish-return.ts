import type { FinishReturn } from "../model/change.js";
import type { Diagnostic } from "../model/diagnostic.js";
import type { ConfiguredDisk, Domain } from "../model/domain.js";
import type { HostState } from "../model/host-state.js";
import { disksBehind, leadsTo } from "../model/mapping.js";
import { CARRY_BEGUN, CARRY_DONE } from "../model/names.js";
import { servedFrom } from "../model/qemu.js";
import type { Volume } from "../model/storage.js";
import type { ReturnWish } from "./diff-return.js";

/** The config names the image already, by a run that did not come to its end or by somebody's hand; the volume is to be settled. */
export function finishReturn(wish: ReturnWish, disk: ConfiguredDisk, domain: Domain, volume: Volume, state: HostState): FinishReturn | Diagnostic {
  const problem = (code: string, summary: string, detail: string, fix: string): Diagnostic => ({ severity: "error", code, at: wish.at, summary, detail, fix });
  const config = domain.config?.path ?? "its config";
  const back = `To have them on the image, let ${config} name ${volume.name} for ${disk.vdev} again, and go back with --carry-back.`;
  if (isOn(domain, volume, state)) {
    return problem(
      "volume-in-use", `${domain.name} runs on ${volume.name}, and ${config} names ${disk.target} for ${disk.vdev}`,
      "what it writes goes to the volume, and its next start from the config is on the image",
      `Let ${config} name the volume again, and go back from there; or shut the guest down first, where its writes are to be given up.`,
    );
  }
  if (volume.tags.includes(CARRY_BEGUN)) {
    return problem(
      "image-half-carried", `${disk.target} is only half of what ${volume.name} holds, and ${config} names it`,
      "an earlier rollback began to carry writes back to it and did not come to its end", `Do not start ${domain.name} on it. ${back}`,
    );
  }
  const carried = volume.tags.includes(CARRY_DONE) || (volume.content?.type === "swap" && state.images[disk.target]?.content.type === "swap");
  if (!carried && wish.carryBack !== undefined) {
    return problem(
      "can-not-carry-back", `what is on ${volume.name} can not be carried back to ${disk.target} any more`,
      `${config} names the image already, and the guest may have written to it; the volume is kept`,
      `${back} To leave them on the volume: without --carry-back.`,
    );
  }
  const since = movedAt(domain.name, volume, state);
  return {
    change: "finish-return", domain: domain.name, vdev: disk.vdev, volume, image: disk.target, carried, removeVolume: wish.removeVolume,
    ...(since === undefined ? {} : { since }),
  };
}

/** A volume that the guest was on before the last one, and that is marked as its disk still: it is kept, whatever is wished of the last. */
export function leaveOlder(disk: ConfiguredDisk, domain: Domain, volume: Volume, image: string): FinishReturn {
  return {
    change: "finish-return", domain: domain.name, vdev: disk.vdev, volume, image, older: true, removeVolume: false,
    carried: volume.tags.includes(CARRY_DONE),
  };
}

/** When the guest came onto the volume, in seconds since the epoch, where the books still know: not when it left it. */
export function movedAt(domain: string, { name }: Volume, { commits }: HostState): number | undefined {
  return commits?.find((commit) => commit.domain === domain && commit.returns !== true && commit.volumes.includes(name))?.at;
}

/** As it runs, whatever its config says, and by way of a mapping too. */
export function isOn({ running }: Domain, { name, devno }: Volume, state: HostState): boolean {
  return running?.attached.some((disk) => [disk.params, servedFrom(disk)].some((path) =>
    leadsTo(path, name, state) || disksBehind(path, state).includes(name)) || (devno !== undefined && disk.devno === devno)) ?? false;
}
