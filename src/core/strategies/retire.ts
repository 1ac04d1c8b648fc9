import { makerOf } from "../model/mapping.js";
import type { Maker } from "../model/mapping.js";
import type { Phase, Step } from "../model/step.js";
import { retireArray } from "../steps/cut-array.js";
import { retireResource } from "../steps/cut-resource.js";
import { stepOf } from "../steps/step-of.js";
import { retireMapping } from "../steps/switch-mapping.js";

const RETIRES = { dm: retireMapping, md: retireArray, drbd: retireResource } as const satisfies Readonly<Record<Maker, unknown>>;

/** Lets go of a device of converge's own, whoever made it. */
export function retireStep(phase: Phase, id: string, name: string, why: string): Step {
  const kind = RETIRES[makerOf(name)];
  return stepOf(kind, phase, `${id}.${kind.kind}`, { name }, why);
}
