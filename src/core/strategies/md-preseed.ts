import type { HostState } from "../model/host-state.js";
import { arrayName, mappingPath } from "../model/mapping.js";
import { BOOKS, booksDirectory, fnv1a, safeName } from "../model/names.js";
import { completeChanges, readdArray, syncChanges } from "../steps/changes-mirror.js";
import { preseed } from "../steps/preseed.js";
import { stepOf } from "../steps/step-of.js";
import { trackArray } from "../steps/track-array.js";
import { tryBitmap } from "../steps/try-bitmap.js";
import { asLarge } from "./against-blocks.js";
import { blockCopySteps } from "./block-copy.js";
import { comparisonOf } from "./compared.js";
import { againstMd, holes, mdKinds } from "./md.js";
import { awaitedOnto } from "./sits-elsewhere.js";
import type { DiskMove, Fragments, Strategy } from "./strategy.js";
import { forecastOfBlocks, keptMirror, legsOf, mirroredBy } from "./two-switches.js";
import type { KeptKinds } from "./two-switches.js";
import { unrehearsed } from "./unrehearsed.js";

/**
 * As `md`, but that the blocks are copied beforehand, by an ordinary process that can be bounded and stopped as any other, and
 * gone on with; md then mirrors only what a write-intent bitmap says was written meanwhile.
 */
export const mdPreseed: Strategy = {
  name: "md-preseed",
  about: "copies blocks beforehand while the guest runs on an md array, whose bitmap says what to mirror then: two switches, as with `md`",
  named: true,
  auto: false,
  way: "array",
  takesOver: true,
  carries: "blocks",
  shows: ["loop", "volume"],
  failsOnFull: "md",

  fits: (move, state) => {
    const untracked = sitsUntracked(move, state);
    const reasons = [...unrehearsed(move), ...againstMd(move, state), ...(untracked ? [] : againstBitmaps(state))];
    if (reasons.length > 0) return { fits: false, reasons };
    return {
      fits: true,
      reasons: [
        untracked
          ? "the array that the guest is on, or is to be, has no bitmap, which it would have had to be built with: all of it is mirrored, as by md"
          : "it is a raw image: its blocks can be copied, and what is written meanwhile is known",
      ],
      ...asLarge(move.change), ...holes(move),
    };
  },

  forecast: (move, state) => ({ ...forecastOfBlocks("md-preseed", move, state), paused: comparisonOf("md-preseed", move, state) }),

  fragments: (move, state) => (sitsUntracked(move, state)
    ? mirroredBy(mdKinds, arrayName(move.change.domain, move.change.vdev), move, comparisonOf("md-preseed", move, state))
    : preseeded(move, state)),
};

/**
 * The guest has been left on an array, by `md` or over a reboot of Dom0, and nobody noted what it wrote; or comes up on such a one
 * when it reboots itself.
 */
function sitsUntracked({ mapped, change }: DiskMove, state: HostState): boolean {
  const name = arrayName(change.domain, change.vdev);
  return (mapped || awaitedOnto(change, state) === mappingPath(name)) && state.mappings?.find((mapping) => mapping.name === name)?.bitmap !== true;
}

function preseeded(move: DiskMove, state: HostState): Fragments {
  const { change: { domain, vdev }, options } = move;
  const name = arrayName(domain, vdev);
  const id = (what: string): string => `${safeName(vdev)}.${what}`;
  const { bytes, from, to } = legsOf(move);
  const kinds: KeptKinds = { ...mdKinds, mirror: readdArray, sync: syncChanges, complete: completeChanges };
  const { mirror, ...fragments } = keptMirror(kinds, name, move, comparisonOf("md-preseed", move, state));
  return {
    ...fragments,
    prepare: [
      stepOf(tryBitmap, "prepare", id("try-bitmap"), { name: trialName(domain, vdev) }, "what this host's md does with a bitmap is not taken on trust"),
      ...blockCopySteps(move, name, bytes),
      stepOf(
        trackArray, "prepare", id("track-array"),
        { name, bytes, leg: from, volume: to.device, bitmap: `${booksDirectory(domain)}/${bitmapFile(name)}` },
        "the guest's disk on a device that notes what is written, and that can get a second one below it",
      ),
    ],
    mirror: {
      ...mirror,
      sync: [
        stepOf(preseed, "prepare", id("preseed"), { domain, name, bytes, from, to, throttle: options.throttle ?? {} }, "it is carried while the guest runs"),
        ...mirror.sync,
      ],
    },
  };
}

/** In the guest's books; the runtime knows it by the array's name as well. */
function bitmapFile(name: string): string {
  return `${name.slice(name.indexOf("/") + 1)}.bitmap`;
}

/** An array for one trial; md takes names of at most 32 characters. */
function trialName(domain: string, vdev: string): string {
  return `md/converge.try-${fnv1a(`${domain}/${vdev}`)}`;
}

/** mdadm 4.4 can not be given a bitmap in a file any more. */
const WITHOUT_FILES = [4, 4] as const;
/** File systems that say where the blocks of a file lie, which md writes to by itself: seen to work on these. */
const MAPPED = ["ext2", "ext3", "ext4"];

/** Why md can not be given a bitmap here; empty where it can. */
function againstBitmaps({ tools, mounts }: Pick<HostState, "tools" | "mounts">): readonly string[] {
  const reasons: string[] = [];
  const { present, version } = tools["mdadm"] ?? {};
  if (present === true && version === undefined) reasons.push("mdadm does not say its version, and from 4.4 on it takes no bitmap in a file");
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  if (version !== undefined && (major > WITHOUT_FILES[0] || (major === WITHOUT_FILES[0] && minor >= WITHOUT_FILES[1]))) {
    reasons.push(`mdadm ${version} takes no bitmap in a file any more (the last that does is 4.3): take md`);
  }
  const books = [...mounts].filter(({ target }) => target === "/" || BOOKS === target || BOOKS.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
  if (books !== undefined && !MAPPED.includes(books.type)) {
    reasons.push(`${BOOKS} lies on ${books.type}, and md writes its bitmap to the blocks of a file (ext2, ext3 or ext4 let it)`);
  }
  return reasons;
}
