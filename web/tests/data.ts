// What the model's tests share: the node types of the server and documents as it opens them (fixtures/make.py).

import { readFileSync } from "node:fs";
import { parseJson, readUi } from "../src/model/comfy";
import { readTypes } from "../src/model/nodetypes";
import type { NodeType } from "../src/model/spec";
import type { Doc, Json, JsonObject } from "../src/model/types";

export function fixture(name: string): Json {
  return parseJson(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf-8"));
}

export const types = readTypes(fixture("object_info") as JsonObject);
export const documents = fixture("documents") as Record<string, JsonObject>;

export function typeNamed(id: string): NodeType {
  const found = types.get(id);
  if (!found) throw new Error(`object_info.json has no ${id}`);
  return found;
}

/** Return a document of its own for each call. */
export function documentNamed(name: string): Doc {
  return readUi(structuredClone(documents[name])).doc;
}
