/** What Dom0 takes up by itself when a block device appears: volume groups and md arrays, by what it was told to leave alone. */
export interface Scanning {
  /** Unset: LVM is not installed. */
  readonly lvm?: LvmScanning;
  /** Unset: mdadm is not installed. */
  readonly md?: MdScanning;
  /** Partitions of a loop device that the kernel looks for when one is attached: 0, as a rule (loop.max_part). */
  readonly loopPartitions: number;
}

export interface LvmScanning {
  /** `filter` and `global_filter` of lvm.conf, as written there: `r|^/dev/loop|`. A device has to pass both. */
  readonly filters: readonly (readonly string[])[];
  /** Whether volumes are looked at too (`scan_lvs`). */
  readonly volumes: boolean;
  /** Where LVM goes by a devices file, and looks at nothing else: names in it, of files and of devices. */
  readonly listed?: readonly string[];
}

export interface MdScanning {
  /** The words of the AUTO line of mdadm.conf: `-1.x`, `+all`, `homehost`. */
  readonly auto: readonly string[];
}

/** Something inside of an image that Dom0 would take for its own. */
export interface Signature {
  readonly kind: "lvm" | "md";
  /** Of md's, as mdadm.conf calls it. */
  readonly metadata?: "0.90" | "1.x";
  /** In a partition: of interest only where a device's partitions are looked for. */
  readonly partition: boolean;
}

/**
 * Whether LVM looks at a device. lvm.conf(5): the first pattern that matches a name decides on it; a device is left alone
 * only if one of its names is rejected and none is accepted by a pattern. lvmdevices(8): a devices file is all that counts.
 * @param device its names in /dev, and those by which a devices file would know it
 */
export function lvmLooksAt(device: { readonly names: readonly string[]; readonly known: readonly string[] }, { filters, listed }: LvmScanning): boolean {
  if (listed !== undefined) return device.known.some((name) => listed.includes(name));
  return filters.every((patterns) => {
    const read = patterns.map(readPattern);
    // one that can not be read may accept it
    if (read.includes(undefined)) return true;
    const verdicts = device.names.map((name) => read.find((pattern) => pattern?.expression.test(name))?.accepts);
    return verdicts.includes(true) || !verdicts.includes(false);
  });
}

/** More than these, or one of a group, and a hostile host could have an expression take for ever. */
const MOST_REPEATS = 4;

/** `r|^/dev/loop|`: a letter, and an expression between two of the same character, or between brackets. */
function readPattern(text: string): { readonly accepts: boolean; readonly expression: RegExp } | undefined {
  const letter = text.charAt(0);
  const expression = text.slice(2, -1);
  if ((letter !== "a" && letter !== "r") || text.length < 3) return undefined;
  if (/\)[*+?{]/.test(expression) || (expression.match(/[*+?{]/g) ?? []).length > MOST_REPEATS) return undefined;
  try {
    return { accepts: letter === "a", expression: new RegExp(expression) };
  } catch {
    return undefined;
  }
}

/** Whether udev's call of `mdadm --incremental` assembles an array of this metadata: mdadm.conf(5), "AUTO". */
export function mdAssembles(metadata: "0.90" | "1.x", { auto }: MdScanning): boolean {
  const first = auto.find((word) => ["all", metadata].includes(word.slice(1).toLowerCase()) && /^[+-]/.test(word));
  return first?.startsWith("-") !== true;
}
