// Ask for a task's state until it is over, and show the answer as it comes.

const WORDS = {
  PENDING: "unknown: no worker has said anything about it yet, or no such task was ever sent",
  STARTED: "a worker is at it",
  RETRY: "it failed and will be tried again",
  SUCCESS: "done",
  FAILURE: "it failed",
  REVOKED: "nobody will do it: it was called off, or it expired",
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

// The answer as an object; null when the server could not be asked this time.
async function ask(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
