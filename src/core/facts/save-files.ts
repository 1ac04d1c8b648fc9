import { known, unreadable, type FirstFact } from "./fact.js";

// The directory as xendomains(8) finds it; its file is read, never run.
const SCRIPT = `
dir=/var/lib/xen/save
for file in /etc/default/xendomains /etc/sysconfig/xendomains; do
  [ -r "$file" ] || continue
  set -- "$( { dd if="$file" iflag=noatime 2>/dev/null || cat "$file"; } | sed -n 's/^[[:space:]]*XENDOMAINS_SAVE=//p' | tail -n 1)"
  if [ -n "$1" ]; then dir=$1; fi
  break
done
case $dir in
  \\"*\\") dir=\${dir#?}; dir=\${dir%?} ;;
  \\'*\\') dir=\${dir#?}; dir=\${dir%?} ;;
esac
[ -n "$dir" ] || exit 0
for path in "$dir"/*; do
  if [ -f "$path" ]; then printf '%s\\n' "\${path##*/}"; fi
done
exit 0
`;

/** Guests that xendomains has saved: the file has the guest's name. */
export const fact: FirstFact<readonly string[]> = {
  name: "save-files",
  round: 1,
  needs: [],
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode !== 0) return unreadable("save files of guests", result);
    return known(result.stdout.split("\n").filter((name) => name !== ""));
  },
};
