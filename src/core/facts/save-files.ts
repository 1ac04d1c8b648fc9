import { known, unreadable, type FirstFact } from "./fact.js";

// The directory as xendomains(8) finds it; its file is read, never run.
const SCRIPT = `
dir=
for file in /etc/default/xendomains /etc/sysconfig/xendomains; do
  [ -r "$file" ] || continue
  text=$(dd if="$file" iflag=noatime 2>/dev/null || cat "$file")
  set -f
  IFS='
'
  for line in $text; do
    case $line in XENDOMAINS_SAVE=*) dir=\${line#*=} ;; esac
  done
  unset IFS
  set +f
  break
done
case $dir in
  \\"*\\" | \\'*\\') dir=\${dir#?}; dir=\${dir%?} ;;
esac
[ -n "$dir" ] || dir=/var/lib/xen/save
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
