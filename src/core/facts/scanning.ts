import { mdAssembles } from "../model/scanning.js";
import type { Scanning } from "../model/scanning.js";
import { known, unreadable, type FirstFact } from "./fact.js";

// `--typeconfig full` has defaults too, in the words that the installed version knows; it complains of those that it does not.
const SCRIPT = `
if command -v lvmconfig >/dev/null; then
  echo lvm
  lvmconfig --typeconfig full devices/global_filter devices/filter devices/scan_lvs devices/use_devicesfile devices/devicesfile 2>/dev/null
  for file in /etc/lvm/devices/*; do
    [ -f "$file" ] || continue
    printf 'file %s\\n' "\${file##*/}"
    dd if="$file" iflag=noatime 2>/dev/null
  done
fi
if command -v mdadm >/dev/null; then
  echo mdadm
  # the first one in a file counts; which of the files mdadm was built to read it does not say
  for file in /etc/mdadm/mdadm.conf /etc/mdadm.conf /etc/mdadm/mdadm.conf.d/* /etc/mdadm.conf.d/*; do
    [ -f "$file" ] || continue
    printf 'conf %s\\n' "$file"
    dd if="$file" iflag=noatime 2>/dev/null | grep -i '^auto[[:space:]]'
  done
fi
partitions=0
if [ -r /sys/module/loop/parameters/max_part ]; then read -r partitions </sys/module/loop/parameters/max_part; fi
printf 'max_part %s\\n' "$partitions"
exit 0
`;

/** What Dom0 takes up of what it finds on block devices: lvmconfig(8), lvmdevices(8), mdadm.conf(5), the kernel's loop.max_part. */
export const fact: FirstFact<Scanning> = {
  name: "scanning",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    const lines = result.stdout.split("\n");
    const loopPartitions = Number(/^max_part (\d{1,3})$/m.exec(result.stdout)?.[1] ?? Number.NaN);
    if (result.exitCode !== 0 || Number.isNaN(loopPartitions)) return unreadable("rules for what Dom0 scans", result);
    const auto = autoIn(lines);
    const setting = (name: string): string | undefined => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
    const texts = (name: string): readonly string[] =>
      [...(setting(name) ?? "").matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, text = ""]) => text.replaceAll(/\\(.)/g, "$1"));
    const [file = "system.devices"] = texts("devicesfile");
    const listed = setting("use_devicesfile") === "1" ? namesIn(lines, file) : undefined;
    return known({
      ...(lines.includes("lvm")
        ? {
            lvm: {
              filters: [texts("global_filter"), texts("filter")].filter((patterns) => patterns.length > 0),
              volumes: setting("scan_lvs") === "1", ...(listed === undefined ? {} : { listed }),
            },
          }
        : {}),
      ...(lines.includes("mdadm") ? { md: { auto } } : {}),
      loopPartitions,
    });
  },
};

/** `IDTYPE=loop_file IDNAME=/srv/a.img DEVNAME=/dev/loop0 PVID=…`; a file that is not there is not gone by. */
function namesIn(lines: readonly string[], file: string): readonly string[] | undefined {
  const at = lines.indexOf(`file ${file}`);
  if (at === -1) return undefined;
  const names: string[] = [];
  for (const line of lines.slice(at + 1)) {
    if (/^(file |mdadm$|max_part )/.test(line)) break;
    if (line.startsWith("IDTYPE=")) names.push(...[...line.matchAll(/\b(?:IDNAME|DEVNAME)=(\S+)/g)].map(([, name = ""]) => name));
  }
  return names;
}

/**
 * The AUTO line that counts. Debian's mdadm reads /etc/mdadm.conf only where there is no /etc/mdadm/mdadm.conf, others do it the
 * other way round (mdadm.conf(5)): where both are there and disagree, it is the one by which more is assembled.
 */
function autoIn(lines: readonly string[]): readonly string[] {
  const files = new Map<string, (readonly string[])[]>();
  let current: (readonly string[])[] = [];
  // recordings from before the files were told apart have no such line
  files.set("", current);
  for (const line of lines) {
    const file = /^conf (\/etc\/(?:mdadm\/)?mdadm\.conf)/.exec(line)?.[1];
    if (file !== undefined) {
      current = files.get(file) ?? [];
      files.set(file, current);
    } else if (/^auto\s/i.test(line)) current.push(line.trim().split(/\s+/).slice(1));
  }
  if (files.size > 1) files.delete("");
  const found = [...files.values()].map(([first = []]) => first);
  const taken = (["0.90", "1.x"] as const).filter((metadata) => found.some((auto) => mdAssembles(metadata, { auto })));
  return found.find((auto) => taken.every((metadata) => mdAssembles(metadata, { auto }))) ?? [];
}
