import { known, unreadable, type FirstFact } from "./fact.js";
import { parseKeyValues } from "./key-values.js";

export interface ReportedIdentity {
  /** The kernel's host name. */
  readonly hostname: string;
  /** Anew at each boot (random(4)). */
  readonly bootId: string;
  readonly kernel: string;
  /** Pretty name of os-release(5). */
  readonly os: string;
  /** Version, where systemd is what runs as init. */
  readonly systemd?: number;
  /** Who asked: 0 is root. */
  readonly uid: number;
}

const SCRIPT = `
read -r boot </proc/sys/kernel/random/boot_id
read -r kernel </proc/sys/kernel/osrelease
read -r name </proc/sys/kernel/hostname
printf 'boot=%s\\nkernel=%s\\nname=%s\\n' "$boot" "$kernel" "$name"
while read -r key _ effective _; do
  if [ "$key" = Uid: ]; then printf 'uid=%s\\n' "$effective"; fi
done </proc/self/status
for file in /etc/os-release /usr/lib/os-release; do
  if [ -r "$file" ]; then dd if="$file" iflag=noatime 2>/dev/null || cat "$file"; break; fi
done
if [ -d /run/systemd/system ]; then
  # systemctl takes seconds to say it on a slow host: its library has it in its name
  for file in /usr/lib/*/systemd/libsystemd-shared-*.so /usr/lib/systemd/libsystemd-shared-*.so; do
    if [ -e "$file" ]; then break; fi
  done
  case $file in
    *\\**) printf '\\nsystemd='; systemctl --version 2>/dev/null ;;
    *) printf '\\nsystemd=systemd %s\\n' "\${file##*/libsystemd-shared-}" ;;
  esac
fi
exit 0
`;

/** Which boot of which machine this is, and as whom it was asked (proc(5), random(4), os-release(5)). */
export const fact: FirstFact<ReportedIdentity> = {
  name: "host-identity",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    const values = parseKeyValues(result.stdout);
    const bootId = values.get("boot") ?? "";
    if (bootId === "") return unreadable("host's identity", result, "no boot id");
    const systemd = /^systemd (\d+)/.exec(values.get("systemd") ?? "");
    return known({
      hostname: values.get("name") ?? "",
      bootId,
      kernel: values.get("kernel") ?? "",
      os: (values.get("PRETTY_NAME") ?? "").replace(/^"(.*)"$/, "$1"),
      uid: Number(values.get("uid") ?? -1),
      ...(systemd === null ? {} : { systemd: Number(systemd[1]) }),
    });
  },
};
