import type { MoveDisk } from "../model/change.js";
import { mappingName, mappingPath } from "../model/mapping.js";
import { volumePath } from "../model/names.js";
import type { Scanning, Signature } from "../model/scanning.js";
import { lvmLooksAt, mdAssembles } from "../model/scanning.js";
import { mapperPath } from "../facts/volume-heads.js";
import { strategyFor } from "../strategies/strategy-of.js";
import type { Strategy } from "../strategies/strategy.js";
import type { Check } from "./check.js";

/** A device under which a disk's content appears on Dom0, by the names that it has or may have there. */
interface Device {
  readonly what: string;
  readonly names: readonly string[];
  /** The names by which a devices file would know it. */
  readonly known: readonly string[];
  readonly isVolume: boolean;
  /** Whether the kernel looks for partitions on it. */
  readonly partitions: boolean;
}

export const scannedByDom0: Check = {
  code: "scanned-by-dom0",
  about: "what a guest keeps in its disk is not for Dom0 to take up: a volume group or an array in use by two is damaged",
  run: ({ moves, choices, state }) =>
    moves.flatMap((move) => {
      const { image, vdev, wish, to } = move;
      const strategy = strategyFor(vdev, choices);
      const scanning = state.scanning ?? UNKNOWN;
      const found = (image.stacked ?? []).flatMap((signature) =>
        devicesOf(move, strategy, scanning).filter((device) => takesUp(signature, device, scanning)).map((device) => ({ signature, device })));
      if (found.length === 0) return [];
      const lvm = found.filter(({ signature }) => signature.kind === "lvm");
      return [
        {
          vdev, at: wish.at, summary: `Dom0 would take up what is inside of ${image.path}`,
          detail: found.map(({ signature, device }) => `${nameOf(signature)}: ${WHO[signature.kind]} looks at ${device.what}`).join("\n"),
          fix: [
            ...(lvm.length === 0 ? [] : [`Exclude them in /etc/lvm/lvm.conf: global_filter = [ "r|^/dev/loop|", "r|/converge-|"${lvm.some(({ device }) => device.isVolume) ? `, "r|^${volumePath(to.volume)}$|"` : ""} ]`]),
            ...(lvm.length === found.length ? [] : ["Have mdadm assemble only what it is told to, in /etc/mdadm/mdadm.conf: AUTO -all"]),
          ].join("\n"),
        },
      ];
    }),
};

const WHO = { lvm: "LVM", md: "mdadm" } as const;

/** Where nothing is known of it: what is installed as it comes, which looks at everything. */
const UNKNOWN: Scanning = { lvm: { filters: [], volumes: false }, md: { auto: [] }, loopPartitions: 0 };

function takesUp({ kind, metadata = "1.x", partition }: Signature, device: Device, { lvm, md }: Scanning): boolean {
  if (partition && !device.partitions) return false;
  if (kind === "md") return md !== undefined && mdAssembles(metadata, md);
  return lvm !== undefined && (lvm.volumes || !device.isVolume) && lvmLooksAt(device, lvm);
}

/** QEMU reads an image itself; a kernel's way needs a loop device over it. The strategy says what of it there is. */
function devicesOf({ image, domain, vdev, to }: MoveDisk, strategy: Strategy | undefined, { loopPartitions }: Scanning): readonly Device[] {
  const [group = "", name = ""] = to.volume.split("/");
  const mapping = mappingPath(mappingName(domain, vdev));
  const loop: Device = {
    what: "loop devices", isVolume: false, partitions: loopPartitions > 0, names: [...LOOPS, ...LINKS], known: [image.path, image.realPath, ...LOOPS],
  };
  const mapped: Device = { what: mapping, isVolume: false, partitions: false, names: [mapping, "/dev/dm-7", ...LINKS], known: [mapping] };
  const names = [volumePath(to.volume), mapperPath(`${group}/${name}`)];
  const volume: Device = { what: volumePath(to.volume), isVolume: true, partitions: false, names: [...names, "/dev/dm-7"], known: names };
  const devices = { loop, mapping: mapped, volume };
  return (strategy?.shows ?? UNCHOSEN).map((what) => devices[what]);
}

/** Where no strategy is chosen yet: what most of them need. */
const UNCHOSEN = ["loop", "volume"] as const;

/** Nobody knows which number it will have, and udev makes links for it: a pattern that takes these in takes it in. */
const LOOPS = ["/dev/loop0", "/dev/loop10"];
const LINKS = ["/dev/disk/by-id/lvm-pv-uuid-0", "/dev/disk/by-diskseq/1"];

function nameOf({ kind, partition }: Signature): string {
  const what = kind === "lvm" ? "an LVM physical volume" : "a member of an md array";
  return partition ? `${what} in a partition` : what;
}
