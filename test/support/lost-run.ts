import { afterAll, beforeAll } from "vitest";
import { engineStage, type Stage } from "./engine-processes.ts";
import { lostRun, type Scene, sceneOf } from "./journal-scene.ts";

export interface LostRun {
  readonly runId: string;
  /** A copy of its folders, for one test. */
  scene(): Promise<Scene>;
}

/** One run that lost its orchestrator, made once for the tests of a file. */
export function useLostRun(): LostRun {
  let stage: Stage | null = null;
  let runId = "";
  beforeAll(async () => {
    stage = await engineStage();
    runId = await lostRun(stage);
  });
  afterAll(async () => stage?.[Symbol.asyncDispose]());
  return {
    get runId() {
      return runId;
    },
    scene() {
      if (stage === null) throw new Error("a hook makes it before the tests");
      return sceneOf(stage, runId);
    },
  };
}
