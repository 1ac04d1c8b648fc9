import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** A place in the sources that makes diagnostics of a code. */
export interface CodeUse {
  readonly code: string;
  readonly file: string;
}

/** Where functions of a name take the code: `complain(code, …)` at 0, `complain(severity, code, …)` at 1. */
type Makers = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Every diagnostic code that the sources can give: literals of `code: "…"`, and literals handed to a parameter that is
 * called `code`. A function that a file declares itself goes before one of the same name elsewhere.
 */
export function diagnosticCodes(root: string): readonly CodeUse[] {
  const files = sourceFiles(root).map((path) => ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2022, true));
  const declared = files.map((file) => makersOf(file));
  const elsewhere = new Map<string, Set<number>>();
  for (const makers of declared) {
    for (const [name, places] of makers) elsewhere.set(name, new Set([...(elsewhere.get(name) ?? []), ...places]));
  }
  return files.flatMap((file, i) => {
    const own = declared[i] ?? new Map<string, Set<number>>();
    return codesOf(file, (name) => own.get(name) ?? elsewhere.get(name)).map((code) => ({ code, file: file.fileName }));
  });
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith(".ts") && !entry.name.endsWith(".generated.ts") ? [path] : [];
  });
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  node.forEachChild((child) => {
    visit(child, look);
  });
}

/** Functions of a file; one without a parameter `code` is there with no places, and hides those of its name. */
function makersOf(file: ts.SourceFile): Makers {
  const makers = new Map<string, Set<number>>();
  visit(file, (node) => {
    const name = nameOf(node);
    const called = functionOf(node);
    if (name === undefined || called === undefined) return;
    const at = called.parameters.findIndex((parameter) => parameter.name.getText(file) === "code");
    makers.set(name, new Set([...(makers.get(name) ?? []), ...(at === -1 ? [] : [at])]));
  });
  return makers;
}

function functionOf(node: ts.Node): ts.SignatureDeclaration | undefined {
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) return node;
  if (!ts.isVariableDeclaration(node) || node.initializer === undefined) return undefined;
  return ts.isArrowFunction(node.initializer) || ts.isFunctionExpression(node.initializer) ? node.initializer : undefined;
}

function nameOf(node: ts.Node): string | undefined {
  if (!ts.isFunctionDeclaration(node) && !ts.isMethodDeclaration(node) && !ts.isVariableDeclaration(node)) return undefined;
  return node.name !== undefined && ts.isIdentifier(node.name) ? node.name.text : undefined;
}

function codesOf(file: ts.SourceFile, makersOfName: (name: string) => ReadonlySet<number> | undefined): readonly string[] {
  const codes: string[] = [];
  visit(file, (node) => {
    if (ts.isPropertyAssignment(node) && node.name.getText(file) === "code") codes.push(...literalsIn(node.initializer));
    if (!ts.isCallExpression(node)) return;
    const called = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression;
    if (!ts.isIdentifier(called)) return;
    // several functions of one name may take it at several places: the first text that is there is the code
    const places = [...(makersOfName(called.text) ?? [])].sort((a, b) => a - b);
    const found = places.map((at) => node.arguments[at]).map((argument) => argument === undefined ? [] : literalsIn(argument));
    codes.push(...(found.find((literals) => literals.length > 0) ?? []));
  });
  return codes;
}

/** `"a"`, `condition ? "a" : "b"`, `found ?? "a"`. */
function literalsIn(node: ts.Expression): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...literalsIn(node.whenTrue), ...literalsIn(node.whenFalse)];
  if (ts.isBinaryExpression(node)) return [...literalsIn(node.left), ...literalsIn(node.right)];
  return ts.isParenthesizedExpression(node) ? literalsIn(node.expression) : [];
}
