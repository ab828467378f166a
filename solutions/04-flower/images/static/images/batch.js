// Follow one task until it has finished or nothing has changed for a long time. Show its progress, then its result.

const WAITING = "Waiting for a worker. If this takes a long time, maybe no worker is running for this queue.";
const WORDS = { PENDING: WAITING, STARTED: "A worker has started.", RETRY: "The task failed and will be retried.", REVOKED: "The task was canceled." };
const LABELS = { photos: "Photos", left_out: "Left out (deleted or damaged)", megapixels: "Megapixels", bytes: "Bytes", formats: "Formats", failed: "Unreadable" };

const SHORTEST = 500;
const LONGEST = 5000; // milliseconds between two requests
const PATIENCE = 600_000; // milliseconds without news

const section = document.querySelector("[data-batch]");
follow();

async function follow() {
  let pause = SHORTEST;
  let news = Date.now();
  let last = "";
  while (Date.now() - news < PATIENCE) {
    const answer = await ask();
    const text = JSON.stringify(answer);
    if (answer && text !== last) {
      news = Date.now();
      pause = SHORTEST;
      last = text;
    } else {
      pause = Math.min(pause * 1.3, LONGEST);
    }
    if (answer) showProgress(answer);
    else say("The server doesn't know the progress right now. This page will ask again.");
    if (answer?.state === "SUCCESS") return showResult(answer.result);
    if (answer?.state === "FAILURE") return stop(`The task failed. ${answer.error}`);
    if (answer?.state === "REVOKED") return stop(WORDS.REVOKED);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  stop("Nothing has changed for ten minutes, so this page has stopped asking. Reload the page to ask again.");
}

function stop(text) {
  section.querySelector("progress").remove(); // it would look as if something were running
  say(text);
}

async function ask() {
  try {
    const response = await fetch(section.dataset.batch, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

function say(text) {
  const phase = section.querySelector(".phase");
  if (phase.textContent !== text) phase.textContent = text;
}

function showProgress({ state, progress }) {
  const bar = section.querySelector("progress");
  const known = progress?.total; // if the task finishes while its state is read, this is its result
  if (known) Object.assign(bar, { max: progress.total, value: progress.done });
  else if (state !== "SUCCESS") bar.removeAttribute("value"); // running, but the progress is unknown
  say(known ? `${progress.done} of ${progress.total} photos` : WORDS[state] ?? state);
}

function showResult({ url, ...figures }) {
  Object.assign(section.querySelector("progress"), { max: 1, value: 1 });
  say("Done.");
  for (const [name, value] of Object.entries(figures)) {
    const entry = document.createElement("div");
    entry.append(
      Object.assign(document.createElement("dt"), { textContent: LABELS[name] ?? name }),
      Object.assign(document.createElement("dd"), { textContent: asText(value) }),
    );
    section.querySelector(".figures").append(entry);
  }
  if (url) {
    const link = Object.assign(document.createElement("a"), { href: url, textContent: "Download the ZIP file" });
    link.className = "button";
    section.querySelector(".outcome").append(link);
  }
}

function asText(value) {
  if (Array.isArray(value)) return value.length ? value.map(({ id, error }) => `photo ${id}: ${error}`).join("; ") : "none";
  if (value && typeof value === "object") return Object.entries(value).map(([name, count]) => `${count} ${name}`).join(", ");
  return typeof value === "number" ? value.toLocaleString("en") : value;
}
