import type { Command } from "../model/command.js";
import type { Content, VolumeName } from "../model/storage.js";
import { known, unreadableDiagnostic, type SecondFact } from "./fact.js";
import { groupDumps, HEAD_FUNCTION, recogniseHead } from "./read-head.js";
import type { ReportedVolumes } from "./volumes.js";

const SCRIPT = `${HEAD_FUNCTION}
while [ "$#" -ge 2 ]; do
  printf 'volume %s\\n' "$1"
  head_of "$2"
  shift 2
done
exit 0
`;

/** What every active volume holds, by name. A volume that could not be read is missing here. */
export const fact: SecondFact<Readonly<Record<VolumeName, Content>>, { readonly volumes?: ReportedVolumes }> = {
  name: "volume-heads",
  round: 2,
  needs: ["dd", "od", "stat"],
  seconds: 300,
  command(first): Command | undefined {
    const args: string[] = [];
    for (const volume of first.volumes?.volumes ?? []) {
      if (volume.devno === undefined || volume.suspended || volume.invalid === true) continue;
      // a pool has no content of its own, and a snapshot is only a means
      if (volume.kind === "thin-pool" || volume.kind === "snapshot") continue;
      args.push(volume.name, mapperPath(volume.name));
    }
    return args.length === 0 ? undefined : ["sh", "-c", SCRIPT, "sh", ...args];
  },
  parse(result) {
    const contents: Record<VolumeName, Content> = {};
    for (const { line, head } of groupDumps(result.stdout, "volume")) {
      const name = line.slice("volume ".length);
      if (isVolumeName(name) && head !== undefined) contents[name] = recogniseHead(head, Infinity).content;
    }
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
