import type { Command } from "../model/command.js";
import type { Content, VolumeName } from "../model/storage.js";
import { known, unreadableDiagnostic, type SecondFact } from "./fact.js";
import { DUMP, HEAD_FUNCTION, readHeads, recogniseHead, splitAtHeads } from "./read-head.js";
import type { ReportedVolumes } from "./volumes.js";

const SCRIPT = `${HEAD_FUNCTION}
all=$#
while [ "$all" -gt 0 ]; do
  printf 'volume %s\\n' "$1"
  set -- "$@" "$1" "$2" "$3"
  shift 3
  all=$((all - 3))
done
echo heads
number=0
while [ "$#" -ge 3 ]; do
  head_of "$number" "$2" "$3"
  number=$((number + 1))
  shift 3
done | ${DUMP}
exit 0
`;

/** What every active volume holds, by name. A volume that could not be read is missing here. */
export const fact: SecondFact<Readonly<Record<VolumeName, Content>>, { readonly volumes?: ReportedVolumes }> = {
  name: "volume-heads",
  round: 2,
  seconds: 300,
  command(first): Command | undefined {
    const args: string[] = [];
    for (const volume of first.volumes?.volumes ?? []) {
      if (volume.devno === undefined || volume.suspended || volume.invalid === true) continue;
      // a pool has no content of its own, and a snapshot is only a means
      if (volume.kind === "thin-pool" || volume.kind === "snapshot") continue;
      args.push(volume.name, mapperPath(volume.name), volume.devno);
    }
    return args.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...args];
  },
  parse(result) {
    const { lines, dump } = splitAtHeads(result.stdout);
    const names = dump === undefined ? [] : lines.map((line) => line.slice("volume ".length));
    const heads = readHeads(dump ?? "");
    const contents: Record<VolumeName, Content> = {};
    names.forEach((name, number) => {
      const head = heads.get(number);
      if (isVolumeName(name) && head !== undefined) contents[name] = recogniseHead(head, Infinity).content;
    });
    return known(contents, result.exitCode === 0 ? [] : [unreadableDiagnostic("contents of volumes", result)]);
  },
};

function isVolumeName(name: string): name is VolumeName {
  return /^[^/]+\/[^/]+$/.test(name);
}

/** Device-mapper's node: hyphens in either name are doubled (lvm(8), "VALID NAMES"). */
export function mapperPath(volume: VolumeName): string {
  const slash = volume.indexOf("/");
  const double = (name: string): string => name.replaceAll("-", "--");
  return `/dev/mapper/${double(volume.slice(0, slash))}-${double(volume.slice(slash + 1))}`;
}
