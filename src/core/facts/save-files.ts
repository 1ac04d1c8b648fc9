import { known, unreadable, type FirstFact } from "./fact.js";
import { DIRECTORIES, UNCLEAR, unclear } from "./xendomains.js";

// the usual directory is looked at too: what was saved before the setting was changed is there
const SCRIPT = `${DIRECTORIES}
dirs=$(directories XENDOMAINS_SAVE) || exit ${UNCLEAR}
set -f
IFS='
'
set -- $dirs /var/lib/xen/save
unset IFS
set +f
for dir in "$@"; do
  for path in "$dir"/*; do
    if [ -f "$path" ]; then printf '%s\\n' "\${path##*/}"; fi
  done
done
exit 0
`;

/** Guests that xendomains has saved: the file has the guest's name. */
export const fact: FirstFact<readonly string[]> = {
  name: "save-files",
  round: 1,
  command: ["sh", "-c", SCRIPT],
  parse(result) {
    if (result.exitCode === UNCLEAR) return unreadable("save files of guests", result, unclear("XENDOMAINS_SAVE"));
    if (result.exitCode !== 0) return unreadable("save files of guests", result);
    return known([...new Set(result.stdout.split("\n").filter((name) => name !== ""))]);
  },
};
