const MIB = 1024 ** 2;

/** A size as LVM's tools take it: whole MiB where it is (`2048m`, their lower-case units are binary), else bytes. */
export function lvmSize(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB}m` : `${bytes}b`;
}
