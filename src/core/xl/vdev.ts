/**
 * Names and numbers of virtual block devices, as xen-vbd-interface(7) defines them and
 * libxl__device_disk_dev_number (tools/libs/light/libxl_device.c) reads them.
 */

const MAX_DISK = 2 ** 20 - 1;
const MAX_INT = 2 ** 31 - 1;

/** `a` → 0, `z` → 25, `aa` → 26. */
function indexOfLetters(letters: string): number {
  let index = 0;
  for (const letter of letters) {
    index = index * 26 + letter.charCodeAt(0) - 96;
    if (index > MAX_DISK + 1) return Infinity;
  }
  return index - 1;
}

function lettersOfIndex(index: number): string {
  let letters = "";
  for (let rest = index + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    letters = String.fromCharCode(97 + ((rest - 1) % 26)) + letters;
  }
  return letters;
}

/** Decimal, `0x` hexadecimal or `0` octal digits, as C's strtoul reads them with base 0. */
function parseC(digits: string): number | undefined {
  if (/^0[xX][0-9a-fA-F]+$/.test(digits)) return Number(digits);
  if (/^0[0-7]*$/.test(digits)) return Number.parseInt(digits, 8);
  return /^[1-9][0-9]*$/.test(digits) ? Number(digits) : undefined;
}

function xvdNumber(disk: number, partition: number): number | undefined {
  if (disk > MAX_DISK || partition > 255) return undefined;
  return disk <= 15 && partition <= 15
    ? (202 << 8) | (disk << 4) | partition
    : 2 ** 28 + disk * 256 + partition;
}

/**
 * The number under which xenstore keeps a device: 51713 for `xvda1`.
 * @param vdev a name of an xl config: `xvda1`, `hda`, `sdb2`, `d0p1`, `51712`, `0xca00`
 * @returns undefined where libxl refuses the name
 */
export function virtualDeviceNumber(vdev: string): number | undefined {
  const numbered = /^d(0[xX][0-9a-fA-F]+|[0-9]+)p(0[xX][0-9a-fA-F]+|[0-9]+)$/.exec(vdev);
  if (numbered !== null) {
    const disk = parseC(numbered[1] ?? "");
    const partition = parseC(numbered[2] ?? "");
    return disk === undefined || partition === undefined ? undefined : xvdNumber(disk, partition);
  }
  const named = /^(xvd|hd|sd)([a-z]+)([1-9][0-9]*)?$/.exec(vdev);
  if (named === null) {
    const number = parseC(vdev);
    return number !== undefined && number <= MAX_INT ? number : undefined;
  }
  const disk = indexOfLetters(named[2] ?? "");
  const partition = Number(named[3] ?? 0);
  if (named[1] === "xvd") return xvdNumber(disk, partition);
  if (named[1] === "hd") {
    return disk > 3 || partition > 63
      ? undefined
      : ((disk < 2 ? 3 : 22) << 8) | ((disk & 1) << 6) | partition;
  }
  return disk > 15 || partition > 15 ? undefined : (8 << 8) | (disk << 4) | partition;
}

/**
 * The plain name of a device, as Linux guests and `xl block-list`'s readers know it: `xvda1` for `51713` and
 * `d0p1`.
 * @returns the name as it was given, where it is no device's
 */
export function canonicalVdev(vdev: string): string {
  const number = virtualDeviceNumber(vdev);
  return number === undefined ? vdev : (vdevOfNumber(number) ?? vdev);
}

/**
 * The name of a device number of xenstore; undefined for the deprecated and reserved ones, which have none.
 */
export function vdevOfNumber(number: number): string | undefined {
  const name = (bus: string, disk: number, partition: number): string =>
    bus + lettersOfIndex(disk) + (partition === 0 ? "" : String(partition));
  if (number >= 2 ** 28 && number < 2 ** 29) {
    const rest = number - 2 ** 28;
    return name("xvd", Math.floor(rest / 256), rest % 256);
  }
  const major = number >> 8;
  const minor = number & 255;
  if (number < 0 || number > 0xffff) return undefined;
  if (major === 202) return name("xvd", minor >> 4, minor & 15);
  if (major === 8) return name("sd", minor >> 4, minor & 15);
  // IDE disks take 64 minors each, two on a channel
  if (major === 3 && minor < 128) return name("hd", minor >> 6, minor & 63);
  if (major === 22 && minor < 128) return name("hd", 2 + (minor >> 6), minor & 63);
  return undefined;
}

/** Whether two names of an xl config, or of a playbook, mean the same device. */
export function sameVdev(a: string, b: string): boolean {
  if (a === b) return true;
  const number = virtualDeviceNumber(a);
  return number !== undefined && number === virtualDeviceNumber(b);
}
