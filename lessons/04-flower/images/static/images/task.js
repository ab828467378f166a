// Ask for a task's state until the task is finished, and show each answer.

const WORDS = {
  PENDING: "unknown: no worker has reported on it yet, or no such task was ever sent",
  STARTED: "a worker is running it",
  RETRY: "it failed and will be retried",
  SUCCESS: "done",
  FAILURE: "it failed",
  REVOKED: "it will not run: it was revoked, or it expired",
};
const OVER = ["SUCCESS", "FAILURE", "REVOKED"];

const link = document.querySelector("[data-task]");
if (link) follow(link.href);

async function follow(address) {
  const line = document.querySelector("[data-task-state]");
  const answer = await ask(address);
  if (answer) {
    const words = WORDS[answer.state] ?? "";
    line.replaceChildren(link, ` is ${answer.state}: ${words}.`);
    document.querySelector("[data-task-answer]").textContent = JSON.stringify(answer, null, 2);
    if (OVER.includes(answer.state)) return;
  }
  setTimeout(follow, 1000, address);
}

// The answer as an object; null if the request failed.
async function ask(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
