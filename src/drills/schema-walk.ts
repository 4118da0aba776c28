import { z } from "zod";

/**
 * Looks into zod schemas by path, for hints and for `${{ }}` paths. Gives every schema that may stand at the path; none
 * means that the path cannot exist. Optional, default, nullable, pipe and lazy wrappers are seen through.
 */
export function schemasAt(schema: unknown, path: readonly (string | number)[]): readonly unknown[] {
  let current = unwrap(schema);
  for (const segment of path) current = current.flatMap((each) => step(each, segment)).flatMap(unwrap);
  return current;
}

/** Field names an object schema at the path declares. */
export function fieldNames(schema: unknown, path: readonly (string | number)[]): readonly string[] {
  return schemasAt(schema, path).flatMap((each) => (each instanceof z.ZodObject ? Object.keys(each.shape) : []));
}

function step(schema: unknown, segment: string | number): readonly unknown[] {
  if (schema instanceof z.ZodUnknown || schema instanceof z.ZodAny) return [schema];
  if (schema instanceof z.ZodRecord) return [schema.valueType];
  if (schema instanceof z.ZodArray) return /^\d{1,6}$/u.test(String(segment)) ? [schema.element] : [];
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, unknown>> = schema.shape;
  if (Object.hasOwn(shape, String(segment))) return [shape[String(segment)]];
  return schema.def.catchall === undefined || schema.def.catchall instanceof z.ZodNever ? [] : [schema.def.catchall];
}

function unwrap(schema: unknown): readonly unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly)
    return unwrap(schema.unwrap());
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodCatch)
    return unwrap(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (schema instanceof z.ZodLazy) return unwrap(schema.unwrap());
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(unwrap);
  if (schema instanceof z.ZodIntersection) return [...unwrap(schema.def.left), ...unwrap(schema.def.right)];
  return [schema];
}
