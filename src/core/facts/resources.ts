import { known, unreadable, type FirstFact } from "./fact.js";
import type { ReportedMapping } from "./mappings.js";

/** The kernel's DRBD, and what converge has made by it. */
export interface Drbd {
  /** Of the module, loaded or not; unset where there is none. */
  readonly version?: string;
  readonly resources: readonly ReportedMapping[];
}

// drbdsetup loads the module when it is asked anything: only where it is loaded already
const SCRIPT = `
if [ -r /proc/drbd ]; then
  while read -r word rest; do printf 'state %s %s\\n' "$word" "$rest"; done </proc/drbd
  drbdsetup show 2>/dev/null | while read -r word rest; do
    case $word in
      resource) printf 'resource %s\\n' "\${rest%% *}" ;;
      device)
        minor=\${rest##* } minor=\${minor%;}
        base=/sys/block/drbd$minor
        [ -r "$base/dev" ] && read -r size <"$base/size" && read -r number <"$base/dev" || continue
        held=0
        for holder in "$base"/holders/*; do if [ -e "$holder" ]; then held=1; fi; done
        for physical in /sys/bus/xen-backend/devices/vbd-*/physical_device; do
          [ -r "$physical" ] && read -r device <"$physical" || continue
          if [ "$((0x\${device%:*})):$((0x\${device#*:}))" = "$number" ]; then held=1; fi
        done
        printf 'minor %s %s %s\\n' "$minor" "$size" "$held"
        ;;
      disk)
        case $rest in
          '"'*)
            path=\${rest#?} path=\${path%'";'}
            node=$(readlink -e "$path") && read -r number <"/sys/class/block/\${node##*/}/dev" && printf 'disk %s\\n' "$number"
            ;;
        esac
        ;;
    esac
  done
elif version=$(modinfo -F version drbd 2>/dev/null); then
  printf 'module %s\\n' "$version"
fi
exit 0
`;

/**
 * DRBD resources of converge's own (drbdsetup(8), and /proc/drbd of DRBD 8.4), as device-mapper's devices are reported:
 * the guest's device has the image or the volume, and a second resource, `NAME.copy`, the volume while they are mirrored.
 */
export const fact: FirstFact<Drbd> = {
  name: "resources",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("DRBD resources", result);
    const states = new Map<string, string>();
    const found = new Map<string, Resource>();
    let version: string | undefined;
    let name = "";
    for (const line of result.stdout.split("\n")) {
      version ??= /^(?:state version:|module) (\d[\w.]*)/.exec(line)?.[1];
      // 901: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----
      const state = /^state (\d+): .*\bds:([A-Za-z]+)\//.exec(line);
      if (state !== null) states.set(state[1] ?? "", state[2] ?? "");
      name = /^resource "?([^"]*)"?$/.exec(line)?.[1] ?? name;
      const minor = /^minor (\d+) (\d+) ([01])$/.exec(line);
      if (minor !== null && name.startsWith("converge-")) {
        found.set(name, { minor: minor[1] ?? "", bytes: Number(minor[2]) * 512, open: minor[3] === "1" });
      }
      const disk = /^disk (\d+:\d+)$/.exec(line)?.[1];
      const resource = found.get(name);
      if (disk !== undefined && resource !== undefined) found.set(name, { ...resource, disk });
    }
    const whole = (resource: Resource | undefined): boolean => resource !== undefined && states.get(resource.minor) === "UpToDate";
    const resources = [...found].filter(([own]) => !own.endsWith(COPY)).map(([own, first]): ReportedMapping => {
      const second = found.get(own + COPY);
      // the complete one first
      const legs = [first, second].filter((one) => one?.disk !== undefined).sort((a, b) => Number(whole(b)) - Number(whole(a)));
      return {
        name: `drbd/${own}`, bytes: first.bytes, open: first.open, legs: legs.flatMap((one) => one?.disk ?? []),
        kind: legs.length > 1 ? "mirror" : "linear", inSync: legs.length > 1 && legs.every(whole),
      };
    });
    return known({ ...(version === undefined ? {} : { version }), resources });
  },
};

const COPY = ".copy";

interface Resource {
  readonly minor: string;
  readonly bytes: number;
  readonly open: boolean;
  /** What lies below, by `major:minor`; unset where it has lost it, or none was attached yet. */
  readonly disk?: string;
}
