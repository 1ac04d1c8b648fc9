import { formatBytes } from "../model/bytes.js";
import { endInWords } from "../model/disk-end.js";
import { diskBytes } from "../model/storage.js";
import { strategyFor } from "../strategies/strategy-of.js";
import type { Check } from "./check.js";

export const endNotAtEnd: Check = {
  code: "end-not-at-end",
  about: "an array's or a DRBD resource's metadata stands at the end of a disk, and blocks leave it where it was on a volume that is larger",
  run: ({ moves, choices }) =>
    moves.flatMap(({ image, to, vdev, domain, wish }) => {
      const beyond = to.bytes - diskBytes(image);
      if (beyond <= 0 || strategyFor(vdev, choices)?.carries !== "blocks") return [];
      return (image.ends ?? []).map((mark) => ({
        // drbdadm knows how large the disk was, and moves it to the end (drbdmeta(8), check-resize)
        ...(mark.kind === "drbd" ? { severity: "warning" as const } : {}),
        vdev, at: wish.at,
        summary: `${vdev} of ${domain} is by its end a part of ${endInWords(mark)}, and ${to.volume} would end ${formatBytes(beyond)} behind that`,
        detail: "the guest looks for it at the end of the disk, and blocks go as they are",
        fix: mark.kind === "md"
          ? "Ask for the size that the disk has, in a group with extents that it is a multiple of. If the guest has no such array any more (`mdadm --examine` in it): `mdadm --zero-superblock`."
          : "`drbdadm` moves it when the resource comes up, where the guest has /var/lib/drbd of before; see to that first.",
      }));
    }),
};
