// Ask for a task's state and show it, until the task has finished or nothing has changed for ten minutes.

const WORDS = {
  PENDING: "unknown: no worker has reported on it yet, or no such task was ever sent",
  STARTED: "a worker is running it",
  RETRY: "it failed and will be retried",
  SUCCESS: "done",
  FAILURE: "it failed",
  REVOKED: "it will not run: it was revoked, or it expired",
};
const OVER = ["SUCCESS", "FAILURE", "REVOKED"];

const SHORTEST = 1000;
const LONGEST = 5000; // milliseconds between two requests
const PATIENCE = 600_000; // milliseconds without a change

const link = document.querySelector("[data-task]");
if (link) follow(link.href);

async function follow(address) {
  const line = document.querySelector("[data-task-state]");
  const shown = document.querySelector("[data-task-answer]");
  let pause = SHORTEST;
  let news = Date.now();
  while (Date.now() - news < PATIENCE) {
    const answer = await ask(address);
    const text = JSON.stringify(answer, null, 2);
    if (answer && text !== shown.textContent) {
      shown.textContent = text;
      news = Date.now();
      pause = SHORTEST;
    } else {
      pause = Math.min(pause * 1.3, LONGEST);
    }
    if (answer) line.replaceChildren(link, ` is ${answer.state}: ${WORDS[answer.state] ?? ""}.`);
    else line.replaceChildren(link, ": the server did not respond. This page will ask again.");
    if (OVER.includes(answer?.state)) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  line.append(" Nothing has changed for ten minutes, so this page has stopped asking. Reload the page to ask again.");
}

// Returns the response as an object, or null if the request failed.
async function ask(address) {
  try {
    const headers = { Accept: "application/json" };
    const response = await fetch(address, { headers, signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}
