import { Ajv } from "ajv";
import type { ValidateFunction } from "ajv";
import type { ReturnWish } from "../diff/diff-return.js";
import type { CollectWish } from "../diff/diff-collect.js";
import type { DesiredDomain } from "../model/desired.js";
import { volumeOf } from "../model/change.js";
import type { DomainPlan } from "../model/plan.js";
import type { SourceRange } from "../model/source.js";
import { savedMoveSchema, savedReadySchema } from "./saved-move.js";
import { desiredSchema } from "./saved-schema.js";

/** What a run was for, as it lies beside its program on the host: enough to plan it anew without its playbook. */
export type SavedWish =
  | { readonly wish: "move"; readonly desired: DesiredDomain }
  | { readonly wish: "return"; readonly back: ReturnWish }
  | { readonly wish: "collect"; readonly collect: CollectWish };

/** As it is written: places in files are left out, since whoever reads it has not got the files. */
export function plainWish(saved: SavedWish): object {
  if (saved.wish === "return") {
    const { at: _at, ...back } = saved.back;
    return { wish: saved.wish, back };
  }
  if (saved.wish === "collect") {
    const { at: _at, ...collect } = saved.collect;
    return { wish: saved.wish, collect };
  }
  const { at: _at, disks, ...rest } = saved.desired;
  return { wish: saved.wish, desired: { ...rest, disks: disks.map(({ at: _diskAt, volumeAt: _volumeAt, ...disk }) => disk) } };
}

/**
 * What lies beside a run's program: the plan, and then what it was for. Whoever reads the books of many runs (facts/books.ts,
 * runtime/submit.sh) does not read it as JSON: which volumes a run brings its guest to, or back from, stands before all else, as the plan
 * and the wish name others too; and what kind of run it was at the beginning of the wish.
 */
export function planBeside(plan: DomainPlan, wish: SavedWish | undefined): string {
  const { changes, configDiff: _text, ...typed } = plan;
  const moved = changes.flatMap((change) => (change.change === "move-disk" || change.change === "return-disk" ? [volumeOf(change)] : []));
  return JSON.stringify({ version: 1, moved, plan: typed, ...(wish === undefined ? {} : { wish: plainWish(wish) }) });
}

const seconds = { type: "number", minimum: 0 } as const;
const texts = { type: "array", items: { type: "string" } } as const;

const schema = {
  type: "object",
  required: ["wish"],
  oneOf: [
    {
      type: "object", additionalProperties: false, required: ["wish", "desired"],
      properties: { wish: { type: "string", const: "move" }, desired: desiredSchema },
    },
    {
      type: "object", additionalProperties: false, required: ["wish", "back"],
      properties: {
        wish: { type: "string", const: "return" },
        back: {
          type: "object", additionalProperties: false, required: ["domain", "disks", "removeVolume", "move"],
          properties: {
            domain: { type: "string" }, disks: texts, removeVolume: { type: "boolean" },
            carryBack: { type: "string", enum: ["auto", "files", "blocks"] },
            ready: savedReadySchema, move: savedMoveSchema,
          },
        },
      },
    },
    {
      type: "object", additionalProperties: false, required: ["wish", "collect"],
      properties: {
        wish: { type: "string", const: "collect" },
        collect: {
          type: "object", additionalProperties: false, required: ["keepForSeconds", "now"],
          properties: {
            keepForSeconds: seconds, byHand: { type: "boolean" }, now: seconds, lastRuns: texts,
            guests: {
              type: "array",
              items: {
                type: "object", additionalProperties: false, required: ["domain", "disks"],
                properties: {
                  domain: { type: "string" }, keepForSeconds: seconds,
                  disks: {
                    type: "array",
                    items: {
                      type: "object", additionalProperties: false, required: ["vdev", "keepForSeconds"],
                      properties: { vdev: { type: "string" }, keepForSeconds: seconds },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  ],
} as const;

let validate: ValidateFunction | undefined;

/**
 * The wish in the text of a run's `plan.json`; undefined where there is none, or none that this version can read.
 * @param at stands in for its place in a playbook
 */
export function readSavedWish(text: string, at: SourceRange): SavedWish | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("wish" in value)) return undefined;
  // the first versions wrote none
  if ("version" in value && value.version !== 1) return undefined;
  const { wish } = value;
  validate ??= new Ajv({ strict: true, allowUnionTypes: true }).compile(schema);
  if (!validate(wish)) return undefined;
  const saved = wish as SavedWish;
  if (saved.wish === "return") return { wish: "return", back: { ...saved.back, at } };
  if (saved.wish === "collect") return { wish: "collect", collect: { ...saved.collect, at } };
  const { desired } = saved;
  return { wish: "move", desired: { ...desired, at, disks: desired.disks.map((disk) => ({ ...disk, at, volumeAt: at })) } };
}
