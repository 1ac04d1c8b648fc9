import { Liquid } from "liquidjs";

/** Values longer than this are refused: nested variables could double themselves without bound. */
export const MAX_TEXT = 65_536;

/** LiquidJS's own filters that are kept, by the name they have here (Ansible's name, where it has one). */
const FROM_LIQUID: Readonly<Record<string, string>> = {
  default: "default", upper: "upcase", lower: "downcase", capitalize: "capitalize", trim: "strip", replace: "replace",
  remove: "remove", append: "append", prepend: "prepend", split: "split", join: "join", first: "first", last: "last",
  size: "size", slice: "slice", plus: "plus", minus: "minus", times: "times",
};

/** The filters that templates may use; everything else is refused by name. */
export const FILTER_NAMES: readonly string[] = [...Object.keys(FROM_LIQUID), "int", "string"];

/**
 * LiquidJS with nothing in it but the filters above: no tags, no templates from files, no inherited properties,
 * undefined variables and filters are errors.
 */
export function sandbox(): Liquid {
  const liquid = new Liquid({
    strictVariables: true, strictFilters: true, ownPropertyOnly: true, lenientIf: true, templates: {},
    memoryLimit: 1_000_000, parseLimit: MAX_TEXT, dynamicPartials: false, relativeReference: false,
  });
  const filters = { ...liquid.filters };
  for (const name of Object.keys(liquid.filters)) Reflect.deleteProperty(liquid.filters, name);
  for (const name of Object.keys(liquid.tags)) Reflect.deleteProperty(liquid.tags, name);
  for (const [name, origin] of Object.entries(FROM_LIQUID)) {
    const filter = filters[origin];
    if (filter !== undefined) liquid.registerFilter(name, filter);
  }
  liquid.registerFilter("int", (value: unknown) => toInteger(value));
  liquid.registerFilter("string", (value: unknown) => String(value));
  return liquid;
}

function toInteger(value: unknown): number {
  const number = typeof value === "boolean" ? Number(value) : Number.parseInt(String(value), 10);
  if (!Number.isSafeInteger(number)) throw new RangeError(`'${String(value)}' is no whole number`);
  return number;
}
