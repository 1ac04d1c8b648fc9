/** `major:minor` of a device number as glibc packs it: gnu_dev_major(3), in decimal. */
export function devnoOf(device: number): string {
  const low = device % 2 ** 32;
  const high = Math.floor(device / 2 ** 32);
  const major = ((low >>> 8) & 0xfff) + (high & 0xfffff000);
  const minor = (low & 0xff) + ((low >>> 12) & 0xfff00) + (high & 0xfff) * 2 ** 20;
  return `${major}:${minor}`;
}

/** `major:minor` in decimal, of the hexadecimal that stat(1)'s %t:%T, xenstore and /proc/locks have. */
export function devnoOfHex(text: string): string | undefined {
  const match = /^([0-9a-f]+):([0-9a-f]+)$/i.exec(text);
  if (match === null) return undefined;
  return `${parseInt(match[1] ?? "", 16)}:${parseInt(match[2] ?? "", 16)}`;
}
