// Drives a Batch service with Microsoft's JavaScript SDK, from an empty account
// to an empty account, and exits with an error at the first answer that is not
// as expected.
const assert = require("node:assert/strict");
const { client } = require("./connect.js");

const poolId = "Javascript";
const jobId = "javascript-job";
const sh = (script) => `/bin/sh -c '${script}'`;

// until polls what get gives until check holds for it.
async function until(what, get, check) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const value = await get();
    if (check(value)) {
      return value;
    }
    assert.ok(Date.now() < deadline, `waited 20 s until ${what}; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// refused requires that a call is answered with this status and code.
async function refused(call, statusCode, code) {
  await assert.rejects(call, (error) => {
    assert.equal(error.statusCode, statusCode, error);
    assert.equal(error.code, code, error);
    assert.match(error.body.message.value, /RequestId:[0-9a-f-]{36}\nTime:/);
    return true;
  });
}

// notFound is refused for reading a file: of the answer to that, the SDK keeps
// the status alone.
const notFound = (call) => assert.rejects(call, { statusCode: 404 });

// pages follows a list to its end.
async function pages(first, next) {
  const all = [];
  for (let page = await first; ; page = await next(page.odatanextLink)) {
    all.push([...page]);
    if (!page.odatanextLink) {
      return all;
    }
  }
}

async function text(answer) {
  let all = "";
  for await (const chunk of answer.readableStreamBody) {
    all += chunk;
  }
  return all;
}

const taskState = (id, state) =>
  until(`task ${id} is ${state}`, () => client.task.get(jobId, id), (task) => task.state === state);

async function pool() {
  const added = await client.pool.add({
    id: poolId,
    vmSize: "STANDARD_D2S_V3",
    virtualMachineConfiguration: {
      imageReference: { publisher: "canonical", offer: "ubuntu-24_04-lts", sku: "server" },
      nodeAgentSKUId: "batch.node.ubuntu 24.04",
    },
    targetDedicatedNodes: 2,
    taskSlotsPerNode: 2,
    startTask: { commandLine: "true", waitForSuccess: true },
    metadata: [{ name: "by", value: "javascript" }],
  });
  assert.equal(added._response.status, 201);
  assert.match(added.eTag, /^0x8D[0-9A-F]{13}$/);
  assert.ok(added.lastModified instanceof Date);
  assert.equal(added.dataServiceId, `${process.env.AZURE_BATCH_ENDPOINT}/pools/${poolId}`);

  assert.equal((await client.pool.exists(poolId.toLowerCase())).body, true);
  assert.equal((await client.pool.exists("another")).body, false);
  await refused(client.pool.add({ id: poolId, vmSize: "x", virtualMachineConfiguration: {
    imageReference: { publisher: "p", offer: "o", sku: "s" }, nodeAgentSKUId: "batch.node.debian 12",
  } }), 409, "PoolExists");

  const steady = await until("the pool is steady", () => client.pool.get(poolId), (p) => p.allocationState === "steady");
  assert.equal(steady.currentDedicatedNodes, 2);
  assert.equal(steady.resizeTimeout, "PT15M");
  assert.deepEqual(steady.metadata, [{ name: "by", value: "javascript" }]);

  await client.pool.patch(poolId, { metadata: [{ name: "patched", value: "yes" }] });
  const [patched] = await client.pool.list({ poolListOptions: {
    filter: "state eq 'Active' and startswith(id, 'JAVA')", select: "id,metadata" } });
  assert.deepEqual({ ...patched }, { id: poolId, metadata: [{ name: "patched", value: "yes" }] });
  await refused(client.pool.resize(poolId, { targetDedicatedNodes: 1 }, { poolResizeOptions: { ifMatch: "0x8D0000000000000" } }),
    412, "ConditionNotMet");

  const ids = (await pages(
    client.computeNode.list(poolId, { computeNodeListOptions: { maxResults: 1, select: "id" } }),
    (link) => client.computeNode.listNext(link),
  )).map((page) => page.map((node) => node.id));
  assert.equal(ids.length, 2);
  await until("both nodes are idle", () => client.account.listPoolNodeCounts({
    accountListPoolNodeCountsOptions: { filter: `poolId eq '${poolId}'` } }), ([counts]) => counts.dedicated.idle === 2);
}

async function job() {
  await client.job.add({ id: jobId, poolInfo: { poolId }, constraints: { maxTaskRetryCount: 0 } });
  await client.job.patch(jobId, { priority: 7 });
  const job = await client.job.get(jobId);
  assert.equal(job.priority, 7);
  assert.equal(job.state, "active");
  assert.equal(job.onAllTasksComplete, "noaction");
  assert.equal(job.constraints.maxWallClockTime, "P10675199DT2H48M5.4775807S");
}

async function tasks() {
  await client.task.add(jobId, { id: "succeeds", commandLine: sh("printf 0123456789; mkdir sub; echo x > \"sub/a file\"") });
  await client.task.add(jobId, { id: "fails", commandLine: sh("echo why >&2; exit 3") });
  await client.task.add(jobId, {
    id: "retries", constraints: { maxTaskRetryCount: 3 },
    commandLine: sh("test -e $AZ_BATCH_NODE_SHARED_DIR/tried || { touch $AZ_BATCH_NODE_SHARED_DIR/tried; exit 1; }"),
  });
  const succeeded = await taskState("succeeds", "completed");
  assert.equal(succeeded.executionInfo.result, "success");
  assert.equal(succeeded.executionInfo.exitCode, 0);
  const failed = await taskState("fails", "completed");
  assert.equal(failed.executionInfo.exitCode, 3);
  assert.equal(failed.executionInfo.failureInfo.code, "FailureExitCode");
  assert.equal(failed.executionInfo.failureInfo.category.toLowerCase(), "usererror");
  const retried = await taskState("retries", "completed");
  assert.equal(retried.executionInfo.result, "success");
  assert.ok(retried.executionInfo.retryCount >= 1 && retried.executionInfo.retryCount <= 2); // once for each node

  const value = Array.from({ length: 9 }, (_, i) => ({ id: `many-${i}`, commandLine: "true" }));
  const { value: results } = await client.task.addCollection(jobId, [...value, { id: "FAILS", commandLine: "true" }]);
  assert.equal(results.filter((r) => r.status.toLowerCase() === "success").length, 9);
  const [clash] = results.filter((r) => r.status.toLowerCase() === "clienterror");
  assert.equal(clash.error.code, "TaskExists");
  await until("all are completed", () => client.job.getTaskCounts(jobId), (c) => c.taskCounts.completed === 12);
  const { taskCounts } = await client.job.getTaskCounts(jobId);
  assert.deepEqual([taskCounts.active, taskCounts.running, taskCounts.succeeded, taskCounts.failed], [0, 0, 11, 1]);

  const listed = await pages(
    client.task.list(jobId, { taskListOptions: { filter: "startswith(id,'many-')", select: "id,state", maxResults: 4 } }),
    (link) => client.task.listNext(link),
  );
  assert.deepEqual(listed.map((page) => page.length), [4, 4, 1]);
  assert.deepEqual(listed.flat().map((task) => ({ ...task })), value.map(({ id }) => ({ id, state: "completed" })));
  const [only] = await client.task.list(jobId, { taskListOptions: { filter: "executionInfo/exitCode eq 3 or (id eq 'none' and state eq 'active')" } });
  assert.equal(only.id, "fails");
  await refused(client.task.list(jobId, { taskListOptions: { filter: "nothing eq 1" } }), 400, "InvalidQueryParameterValue");
  await refused(client.task.get(jobId, "none"), 404, "TaskNotFound");

  await client.task.add(jobId, { id: "sleeps", commandLine: "sleep 1000" });
  await taskState("sleeps", "running");
  await client.task.terminate(jobId, "sleeps");
  assert.equal((await taskState("sleeps", "completed")).executionInfo.failureInfo.code, "TaskEnded");
  await client.task.reactivate(jobId, "fails");
  await taskState("fails", "completed");
  await client.task.deleteMethod(jobId, "sleeps");
  await refused(client.task.get(jobId, "sleeps"), 404, "TaskNotFound");
}

async function files() {
  const read = (name, options) => client.file.getFromTask(jobId, "succeeds", name, options).then(text);
  assert.equal(await read("stdout.txt"), "0123456789");
  assert.equal(await read("stdout.txt", { fileGetFromTaskOptions: { ocpRange: "bytes=2-5" } }), "2345");
  assert.equal(await read("wd/sub/a file"), "x\n");
  await notFound(client.file.getFromTask(jobId, "succeeds", "none"));

  const properties = await client.file.getPropertiesFromTask(jobId, "succeeds", "stdout.txt");
  assert.equal(properties.contentLength, 10);
  assert.equal(String(properties.ocpBatchFileIsdirectory), "False"); // the SDK leaves the text as it is sent
  const listed = await pages(
    client.file.listFromTask(jobId, "succeeds", { recursive: true, fileListFromTaskOptions: { maxResults: 2 } }),
    (link) => client.file.listFromTaskNext(link),
  );
  assert.deepEqual(listed.flat().map((file) => file.name), ["stderr.txt", "stdout.txt", "wd", "wd/sub", "wd/sub/a file"]);
  assert.equal(Number(listed.flat()[1].properties.contentLength), 10);

  const { nodeInfo } = await client.task.get(jobId, "succeeds");
  const seen = await client.file.getFromComputeNode(poolId, nodeInfo.nodeId, `${nodeInfo.taskRootDirectory}/stdout.txt`);
  assert.equal(await text(seen), "0123456789");
  await client.file.deleteFromTask(jobId, "succeeds", "wd/sub", { recursive: true });
  await notFound(client.file.getFromTask(jobId, "succeeds", "wd/sub/a file"));
}

async function cleanup() {
  const jobState = (state) => until(`the job is ${state}`, () => client.job.get(jobId), (job) => job.state === state);
  await client.job.disable(jobId, "requeue");
  await jobState("disabled");
  await client.job.enable(jobId);
  await jobState("active");
  await client.job.terminate(jobId, { terminateReason: "done here" });
  assert.equal((await jobState("completed")).executionInfo.terminateReason, "done here");
  await refused(client.task.add(jobId, { id: "late", commandLine: "true" }), 409, "JobCompleted");
  await client.job.deleteMethod(jobId);
  await until("the job is gone", () => client.job.list(), (jobs) => jobs.length === 0);
  await refused(client.job.get(jobId), 404, "JobNotFound");

  await client.pool.resize(poolId, { targetDedicatedNodes: 0, nodeDeallocationOption: "terminate" });
  await until("the nodes are gone", () => client.pool.get(poolId), (p) => p.allocationState === "steady" && p.currentDedicatedNodes === 0);
  await client.pool.deleteMethod(poolId);
  await until("the pool is gone", () => client.pool.exists(poolId), (answer) => answer.body === false);
}

(async () => {
  for (const step of [pool, job, tasks, files, cleanup]) {
    await step();
  }
})().catch((error) => {
  console.error(error.stack, error.statusCode ?? "", error.body ?? "");
  process.exitCode = 1;
});
