import { Ajv } from "ajv";
import type { ErrorObject, ValidateFunction } from "ajv";
import type { Diagnostic } from "../../model/diagnostic.js";
import type { Path } from "../document.js";
import { isMap, own } from "../document.js";
import { looksTemplated } from "../template.js";
import { complaint, complaintOfSecret } from "./complaint.js";
import type { Locate } from "./schema-error.js";
import { extraKey } from "./schema-error.js";

/** A schema made ready to check values, with its complaints. */
export interface SchemaCheck {
  /**
   * Every mistake in a value, each once, in words for people.
   * @param locate the place of a path in the file
   * @param templates a template may stand for any value: texts that hold one are passed over
   * @param filled what is known of values that templates have made
   */
  check(value: unknown, locate: Locate, templates: "permitted" | "filled in", filled?: FilledValues): readonly Diagnostic[];
}

export interface FilledValues {
  /** What stands at a path in the file, where templates have made something else of it. */
  readonly written: (path: Path) => unknown;
  /** Whether what they have made is not to be shown. */
  readonly isSecret: (path: Path) => boolean;
}

/** More than this many complaints about one file help nobody. */
const MAX_COMPLAINTS = 50;

/** What holds values against a JSON schema, and complains in converge's own words (complaint.ts). */
export function schemaCheck(schema: object): SchemaCheck {
  const ajv = new Ajv({ allErrors: true, verbose: true, strict: true, allowUnionTypes: true, strictTypes: false });
  // made at first use: most commands read no playbook
  let validate: ValidateFunction | undefined;
  return {
    check(value, locate, templates, filled) {
      validate ??= ajv.compile(schema);
      if (validate(value)) return [];
      const seen = new Set<string>();
      const found: Diagnostic[] = [];
      for (const error of validate.errors ?? []) {
        const path = pathOf(value, error.instancePath);
        if (templates === "permitted" && isTemplated(error)) continue;
        // one complaint a place: a wrong type makes pattern and range fail too, and says most
        const place = `${error.instancePath}\0${error.keyword === "additionalProperties" ? extraKey(error) : ""}`;
        if (seen.has(place) || found.length >= MAX_COMPLAINTS) continue;
        seen.add(place);
        found.push(filled?.isSecret(path) === true
          ? complaintOfSecret(error, path, locate, schema)
          : complaint(error, path, locate, schema, filled?.written(path)));
      }
      return found;
    },
  };
}

function isTemplated(error: ErrorObject): boolean {
  return typeof error.data === "string" && looksTemplated(error.data);
}

/** Ajv's JSON pointer as a path; numbers only where the value is a list. */
function pathOf(root: unknown, pointer: string): Path {
  const path: (string | number)[] = [];
  let value = root;
  for (const step of pointer.split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (Array.isArray(value)) {
      path.push(Number(key));
      value = (value as unknown[])[Number(key)];
    } else {
      path.push(key);
      value = isMap(value) ? own(value, key) : undefined;
    }
  }
  return path;
}
