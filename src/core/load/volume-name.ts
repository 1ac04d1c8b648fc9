/** What LVM keeps for itself: lvm(8), "VALID NAMES"; lib/misc/lvm-string.c, apply_lvname_restrictions. */
const RESERVED_PREFIXES = ["snapshot", "pvmove"];
const RESERVED_PARTS = [
  "_cdata", "_cmeta", "_corig", "_cvol", "_iorig", "_imeta", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta",
  "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig",
];
/** snapshotName (core/model/names.ts), which would meet it. */
const OWN_PREFIX = "converge-";
/** DM_NAME_LEN of the kernel, with its closing zero. */
const DEVICE_NAME_MAX = 127;

export interface NameProblem {
  readonly problem: string;
  readonly fix?: string;
}

/** What LVM would refuse about a volume named `vg/lv`, or converge itself; undefined where it can be made. */
export function volumeNameProblem(name: string): NameProblem | undefined {
  const device = /^\/dev\/(?!mapper\/)([^/]+\/[^/]+)$/.exec(name);
  if (device?.[1] !== undefined) return { problem: "is a path, and a volume is group/name", fix: `Write ${device[1]}` };
  const parts = name.split("/");
  const [group, volume] = parts;
  if (parts.length !== 2 || group === undefined || volume === undefined || group === "" || volume === "") {
    return { problem: "is no volume: it must be group/name", fix: "Write it as vg0/web1-root" };
  }
  const wrong = partProblem(group, "the group's name") ?? partProblem(volume, "the volume's name");
  if (wrong !== undefined) return wrong;
  const prefix = RESERVED_PREFIXES.find((word) => volume.startsWith(word));
  if (prefix !== undefined) return { problem: `can not be made: LVM keeps names that begin with '${prefix}'` };
  const part = RESERVED_PARTS.find((word) => volume.includes(word));
  if (part !== undefined) return { problem: `can not be made: LVM keeps names with '${part}' in them` };
  if (volume.startsWith(OWN_PREFIX)) {
    return { problem: `can not be a guest's: snapshots of converge's own have names that begin with '${OWN_PREFIX}'` };
  }
  // device-mapper doubles each hyphen and joins the two by one
  const deviceName = `${group.replaceAll("-", "--")}-${volume.replaceAll("-", "--")}`;
  if (deviceName.length > DEVICE_NAME_MAX) {
    return { problem: `is too long: ${deviceName.length} characters as a device, and ${DEVICE_NAME_MAX} fit` };
  }
  return undefined;
}

function partProblem(part: string, what: string): NameProblem | undefined {
  const bad = /[^a-zA-Z0-9+_.-]/.exec(part)?.[0];
  if (bad !== undefined) {
    return { problem: `has '${bad}' in ${what}, which LVM does not take`, fix: "Letters, digits and + _ . - are fine" };
  }
  if (part.startsWith("-")) return { problem: `has a hyphen at the beginning of ${what}, which LVM does not take` };
  if (part === "." || part === "..") return { problem: `has '${part}' as ${what}, which LVM does not take` };
  return undefined;
}
