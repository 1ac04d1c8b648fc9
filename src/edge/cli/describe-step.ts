import { kindOf } from "../../core/steps/kind-of.js";
import type { DescribeStep } from "../../core/render/view.js";

/** A step in the words of its kind. */
export const describeStep: DescribeStep = (step) => {
  const kind = kindOf(step);
  const { args } = step;
  return {
    title: kind.title(args),
    risk: typeof kind.risk === "function" ? kind.risk(args) : kind.risk,
    actions: kind.actions(args),
  };
};
