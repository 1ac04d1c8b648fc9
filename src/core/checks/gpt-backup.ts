import { formatBytes } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import type { HostState } from "../model/host-state.js";
import { diskBytes } from "../model/storage.js";
import type { Content } from "../model/storage.js";
import { strategyFor } from "../strategies/strategy-of.js";
import type { Check } from "./check.js";
import { sameVdev } from "../xl/vdev.js";

export const gptBackup: Check = {
  code: "gpt-backup-not-at-end",
  about: "a GPT has its backup in the last sector, and blocks leave it where it was on a volume that is larger than the disk",
  run: ({ moves, choices, state }) =>
    moves.flatMap((move) => {
      const { to, vdev, wish, image } = move;
      if (strategyFor(vdev, choices)?.carries !== "blocks" || !isGpt(image.content)) return [];
      const bytes = bytesOf(move, state);
      if (to.bytes <= bytes) return [];
      return [
        {
          severity: "warning", vdev, at: wish.at,
          summary: `the GPT in ${image.path} will end ${formatBytes(to.bytes - bytes)} before the end of ${to.volume}`,
          detail: "blocks go as they are: the backup of its header stays where the image ends\n" +
            "the guest's kernel notes that at its next start, and finds all partitions by the first header",
          fix: `Run \`sgdisk --move-second-header /dev/${vdev}\` in the guest once it was started on its volume.`,
        },
      ];
    }),
};

/** Also where it is one of several signatures. */
function isGpt(content: Content): boolean {
  if (content.type === "partitions") return content.table === "gpt";
  return content.type === "unknown" && content.hint?.includes("gpt partition table") === true;
}

/** As large as the guest sees the disk: QEMU says so of one that it serves, which may leave out a footer of the file. */
function bytesOf({ domain, vdev, image }: MoveDisk, state: HostState): number {
  return state.domains[domain]?.running?.attached.find((disk) => sameVdev(disk.vdev, vdev))?.open?.bytes ?? diskBytes(image);
}
