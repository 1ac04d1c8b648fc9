import { mayBeAbout } from "../diff/came-to.js";
import { formatApart, formatBytes } from "../model/bytes.js";
import type { MoveDisk } from "../model/change.js";
import { noMoreLike } from "../model/changed-since.js";
import type { HostState, PastCommit } from "../model/host-state.js";
import { disksBehind } from "../model/mapping.js";
import { CARRY_DONE, volumeTags } from "../model/names.js";
import { stepsOf } from "../model/plan.js";
import { nodeName, servedFrom } from "../model/qemu.js";
import type { Step } from "../model/step.js";
import { otherFileSystem } from "../model/storage.js";
import type { Volume } from "../model/storage.js";
import type { Check } from "./check.js";

/** Of volumes that are gone on with. */
const BEGUN: readonly ((domain: string, vdev: string) => readonly string[])[] = [
  (domain, vdev) => volumeTags(domain, vdev, "copy"), (domain, vdev) => [...volumeTags(domain, vdev, "former"), CARRY_DONE],
];

export const volumeTaken: Check = {
  code: "volume-taken",
  about: "a volume that is there already is only written to when it is a copy that converge began for this very disk",
  run: ({ moves, nodes, state }) =>
    moves.flatMap(({ to, image, vdev, domain, wish }) => {
      const existing = state.volumes[to.volume];
      if (existing === undefined) return [];
      if (!to.begun && existing.content !== undefined && otherFileSystem(image.content, existing.content)
        && BEGUN.some((tags) => tags(domain, vdev).every((tag) => existing.tags.includes(tag)))) {
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${to.volume} is a copy of another file system than ${image.path} holds`,
            detail: "a guest of that name had it before, or has made its file system anew; blocks of the old one would stay on it",
            fix: removal(existing, `If nobody needs it: lvremove ${to.volume}. Else choose another name for the volume.`, "Choose another name for the volume."),
          },
        ];
      }
      if (!to.begun && existing.tags.includes("converge.role=former")) {
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${to.volume} holds what ${domain} wrote before it went back to its image, and nothing else does`,
            detail: "a rollback kept it; to move there again would overwrite it",
            fix: removal(existing, `If nobody needs it: lvremove ${to.volume}. Else choose another name for the volume.`, "Choose another name for the volume."),
          },
        ];
      }
      if (!to.begun && volumeTags(domain, vdev, "disk").every((tag) => existing.tags.includes(tag))) {
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${to.volume} was ${vdev} of ${domain}, which is on its image again, and what it wrote there may be nowhere else`,
            detail: "a rollback that was cut short after the guest's start leaves that, or somebody who changed the config",
            fix: `Finish the way back first: converge rollback ${state.host.name} ${domain}`,
          },
        ];
      }
      if (!to.begun) {
        const tags = existing.tags.filter((t) => t.startsWith("converge."));
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${to.volume} exists already, and converge did not make it for ${vdev} of ${domain}`,
            detail: `it has ${formatBytes(existing.bytes)}, holds ${existing.content?.type ?? "unknown content"}`
              + (tags.length > 0 ? `, and is tagged ${tags.join(", ")}` : ""),
            fix: removal(existing, "Choose another name, or look at it and remove it yourself with lvremove.", "Choose another name."),
          },
        ];
      }
      const left = leftByHand({ domain, vdev }, to.volume, state);
      if (left !== undefined) {
        const last = isLast(left, state);
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${last ? `${domain}'s last run` : `an earlier run of ${domain}'s`} ${left.unsaid === true || !last ? "may have brought" : "brought"} it to ${to.volume}, and somebody has put it back on ${image.path}: what it wrote there may be nowhere else`,
            detail: "that run did not come to its end, or the volume would be marked as the guest's disk",
            fix: removal(existing, `If nobody needs it: lvremove ${to.volume}. Else choose another name for the volume.`, "Choose another name for the volume."),
          },
        ];
      }
      const had = staysAsMade(to, stepsOf(nodes)) ? noMoreLike(existing.content, image.content) : [];
      if (had.length > 0) {
        return [
          {
            vdev, at: wish.volumeAt,
            summary: `${to.volume} is a copy that was begun before ${image.path} was changed: it was made with ${had.join(" and ")}, unlike what is there now`,
            detail: "a copy that is gone on with stays what it was made as, and the guest or its boot loader may look for what is in the image now",
            fix: removal(existing, `Remove it with 'lvremove ${to.volume}' to begin anew.`, "Choose another name."),
          },
        ];
      }
      if (existing.bytes === to.bytes) return [];
      const [has, asked] = formatApart(existing.bytes, to.bytes);
      return [
        {
          vdev, at: wish.at,
          summary: `${to.volume} is a copy begun with ${has}, and ${asked} are asked for now`,
          fix: removal(existing, `Ask for the old size, or remove it with 'lvremove ${to.volume}' to begin anew.`, "Ask for the old size."),
        },
      ];
    }),
};

/**
 * The commit of a run that brought the guest to the volume, where that was not settled (its guest was not ready in time, say), and the
 * guest has not the disk that it brought it to. Of the very last run it is known which of the disks that QEMU was to take over have stayed, or
 * that a guest which was down has not been anywhere yet; of an older one it is not (whoever started the guest before its config could be
 * made to name the image again has started it on the volume), and it may have been about another volume of that name.
 */
function leftByHand({ domain, vdev }: Pick<MoveDisk, "domain" | "vdev">, volume: string, state: HostState): PastCommit | undefined {
  const { runs, commits = [], volumes, domains } = state;
  const about = commits.filter((one) => one.domain === domain && mayBeAbout(volume, one));
  const last = runs.find((run) => run.domain === domain);
  const ofLast = about.find(({ run }) => run === last?.run);
  // where nobody can read what has stayed, any of them may have
  const mayHaveStayed = last?.pivoted === true && ofLast?.stayed?.includes(nodeName(vdev)) !== false;
  if (ofLast !== undefined && (ofLast.returns === true || last?.committing === "offline" || mayHaveStayed)) return undefined;
  // had it been about this one, it would be marked as the guest's disk
  const isSettled = ofLast?.unsaid === true && last?.outcome === "done";
  const createdAt = volumes[volume]?.createdAt;
  const older = about.find(({ run, unsaid, at }) => run !== last?.run && unsaid !== true && createdAt !== undefined && createdAt <= at);
  const commit = ofLast !== undefined && last?.committedAt !== undefined && !isSettled ? ofLast : older;
  if (commit === undefined || commit.returns === true) return undefined;
  const { config, running } = domains[domain] ?? {};
  const paths = [...(config?.disks ?? []).map(({ target }) => target), ...(running?.attached ?? []).flatMap((disk) => [disk.params, servedFrom(disk)])];
  return paths.some((path) => disksBehind(path, state).includes(volume)) ? undefined : commit;
}

function isLast({ domain, run }: PastCommit, { runs }: HostState): boolean {
  return runs.find((one) => one.domain === domain)?.run === run;
}

/** What an earlier run has made on it is gone on with, and not made anew. */
function staysAsMade({ begun, volume, fill }: MoveDisk["to"], steps: readonly Step[]): boolean {
  const here = steps.filter(({ args }) => (args as { readonly volume?: string }).volume === volume);
  return begun && here.some(({ kind }) => kind === "make-filesystem" || kind === "make-swap")
    // a mark that is there already is not made again, nor what is before it
    && (fill === "files" || !here.some(({ kind }) => kind === "zero-volume"));
}

/** What to do, where the volume is nobody's; of one that is open, removal is no advice. */
function removal({ open }: Volume, free: string, used: string): string {
  return open ? `${used} It is in use: see who has it open before anything is done to it.` : free;
}
