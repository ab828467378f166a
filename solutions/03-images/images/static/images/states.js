// Follow the photos that are not resized yet: ask the server for their states until none is left, or until
// nothing has changed for a long time.

follow(document.querySelector("[data-states-url]")?.dataset.statesUrl); // without a list, there is nothing to follow

function follow(url) {
  const shortest = 1000;
  const longest = 5000; // milliseconds between two requests
  const patience = 1_800_000; // milliseconds without a change
  const live = document.querySelector("p.live");
  let pause = shortest;
  let failures = 0;
  let changed = Date.now();

  async function ask() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    const pending = pendingCards();
    if (!pending.length) return;
    try {
      const changes = await update(url, pending);
      pause = changes.length ? shortest : Math.min(pause * 1.3, longest);
      if (changes.length) changed = Date.now();
      if (changes.length || failures >= 3) live.textContent = announcement(changes);
      failures = 0;
    } catch {
      failures += 1;
      pause = Math.min(pause * 1.3, longest);
      if (failures === 3) live.textContent = "This page can't reach the server and will try again.";
    }
    if (Date.now() - changed < patience) setTimeout(ask, pause);
    else live.textContent = "Nothing has changed for half an hour. Reload the page to look again.";
  }

  if (url) setTimeout(ask, shortest);
}

function pendingCards() {
  return [...document.querySelectorAll("[data-pending]")];
}

// Returns a sentence for each photo that has changed.
async function update(url, cards) {
  const ids = cards.map((card) => card.dataset.photo).join();
  const response = await fetch(`${url}?ids=${ids}`, { signal: AbortSignal.timeout(10_000) });
  if (!response.ok) throw new Error(`The server responded with status ${response.status}.`);
  const { photos } = await response.json();

  const changes = [];
  for (const card of cards) {
    const photo = photos.find(({ id }) => id === Number(card.dataset.photo)) ?? deleted(card);
    if (photo.state === card.dataset.state) continue;
    if (card.matches("article")) await reloadArticle(card);
    else showState(card, photo);
    changes.push(`${photo.name}: ${photo.label}.`);
  }
  return changes;
}

function deleted(card) {
  const name = card.querySelector(".name, h1").textContent;
  return { name, state: "deleted", label: "Deleted", pending: false, reason: "", thumbnail: null };
}

function showState(card, photo) {
  card.dataset.state = photo.state;
  card.toggleAttribute("data-pending", photo.pending);
  card.querySelector(".chip").textContent = photo.label;
  card.querySelector(".reason").textContent = photo.reason;
  if (photo.thumbnail) {
    const picture = Object.assign(new Image(), { src: photo.thumbnail, alt: "" });
    card.querySelector(".thumb").replaceChildren(picture);
  }
}

// The page of one photo shows more than its state: fetch all of it again.
async function reloadArticle(article) {
  const response = await fetch(location.href, { signal: AbortSignal.timeout(10_000) });
  if (response.status === 404) return location.reload();
  if (!response.ok) throw new Error(`The server responded with status ${response.status}.`);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  article.replaceWith(page.querySelector("article[data-photo]"));
}

function announcement(changes) {
  return changes.length > 3 ? `${changes.length} photos have changed.` : changes.join(" ");
}
