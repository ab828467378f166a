// Improves the upload page. The form also works without this file: then the browser sends it.

document.querySelectorAll("form.upload").forEach(enhance);

function enhance(form) {
  const input = form.querySelector("input[type=file]");
  const chosen = chosenPhotos(form, input);

  form.classList.add("enhanced");
  input.addEventListener("change", () => chosen.add(input.files));
  chosen.add(input.files); // the files that the browser remembers when the page is reloaded

  acceptDrops(form, chosen);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, chosen);
  });
}

// The list of chosen photos. The file input always holds the same files as the list.
function chosenPhotos(form, input) {
  const list = form.querySelector(".chosen");
  const total = form.querySelector(".total");
  const rows = new Map(); // a File and its <li>

  function add(files) {
    for (const file of files) {
      if ([...rows.keys()].some((other) => isSame(file, other))) continue;
      const row = photoRow(file, () => remove(file));
      rows.set(file, row);
      list.append(row);
    }
    update();
  }

  function remove(file) {
    const row = rows.get(file);
    const neighbor = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    rows.delete(file);
    update();
    (neighbor ? neighbor.querySelector("button") : input).focus();
  }

  function update() {
    const transfer = new DataTransfer();
    for (const file of rows.keys()) transfer.items.add(file);
    input.files = transfer.files;
    total.textContent = rows.size ? `${count(rows.size)}, ${bytesText(size())}` : "";
  }

  function size() {
    return [...rows.keys()].reduce((sum, file) => sum + file.size, 0);
  }

  // Write each message of the form "name.jpg: reason" beside its photo.
  function explain(messages) {
    for (const [file, row] of rows) {
      const message = messages.find((text) => text.startsWith(`${file.name}: `));
      row.classList.toggle("refused", Boolean(message));
      row.querySelector(".reason").textContent = message ? message.slice(file.name.length + 2) : "";
    }
  }

  return { add, explain, size, count: () => rows.size };
}

function photoRow(file, remove) {
  const row = document.getElementById("chosen-photo").content.firstElementChild.cloneNode(true);
  const picture = row.querySelector("img");
  picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
  picture.addEventListener("error", () => picture.remove());
  picture.src = URL.createObjectURL(file);
  row.querySelector(".name").textContent = file.name;
  row.querySelector(".size").textContent = bytesText(file.size);
  row.querySelector("button").setAttribute("aria-label", `Remove ${file.name}`);
  row.querySelector("button").addEventListener("click", remove);
  return row;
}

function isSame(file, other) {
  return file.name === other.name && file.size === other.size && file.lastModified === other.lastModified;
}

// Accept drops on the whole page. Otherwise, a photo dropped next to the box would replace the page.
function acceptDrops(form, chosen) {
  const drop = form.querySelector(".drop");
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (!form.classList.contains("busy")) chosen.add(event.dataTransfer.files);
  });
}

// Uses XMLHttpRequest because fetch does not report how many bytes were sent.
function send(form, chosen) {
  const request = new XMLHttpRequest();
  const panel = progressPanel(form, chosen);

  function stop(...messages) {
    panel.close();
    showErrors(form, chosen, messages);
  }

  request.upload.addEventListener("progress", (event) => panel.sent(event.loaded, event.total));
  request.upload.addEventListener("load", () => panel.wait());
  request.addEventListener("load", () => {
    if (request.status >= 400) return stop(statusText(request.status));
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const messages = [...page.querySelectorAll(".errors li")].map((item) => item.textContent);
    if (messages.length) return stop(...messages);
    panel.close();
    showPage(request.responseText, request.responseURL);
  });
  request.addEventListener("error", () => {
    stop("The connection was lost before the server responded. Your photos are still selected here. Try again.");
  });
  request.addEventListener("abort", () => {
    stop(
      panel.isWaiting()
        ? "Canceled, but all bytes had been sent, so the server may have kept the photos."
        : "Canceled before all bytes were sent. No photo was kept.",
    );
  });
  form.querySelector(".sending button").onclick = () => request.abort();

  request.open("POST", form.action);
  request.send(new FormData(form));
}

// Shows the progress, with one clock for the upload and one for the server's response.
function progressPanel(form, chosen) {
  const panel = form.querySelector(".sending");
  const choice = form.querySelector(".choice");
  const bar = panel.querySelector("progress");
  const write = (name, text) => (panel.querySelector(name).textContent = text);
  const started = performance.now();
  let allSent = null;

  function tick() {
    const now = performance.now();
    write(".send-clock", secondsText((allSent ?? now) - started));
    write(".wait-clock", allSent === null ? "–" : secondsText(now - allSent));
  }

  function sent(loaded, total) {
    bar.value = total ? loaded / total : 0;
    write(".sent", `${bytesText(loaded)} of ${bytesText(total)}`);
  }

  function wait() {
    allSent = performance.now();
    bar.removeAttribute("value"); // from now on, the progress is unknown
    bar.setAttribute("aria-label", "Waiting for the server");
    write(".phase", "All bytes have been sent. Waiting for the server’s response …");
  }

  function close() {
    clearInterval(timer);
    panel.hidden = true;
    choice.inert = false;
    form.classList.remove("busy");
  }

  showErrors(form, chosen, []);
  form.classList.add("busy");
  choice.inert = true;
  panel.hidden = false;
  panel.focus();
  bar.setAttribute("aria-label", "Bytes sent");
  sent(0, chosen.size());
  write(".phase", `Sending ${count(chosen.count())} …`);
  tick();
  const timer = setInterval(tick, 100);

  return { sent, wait, close, isWaiting: () => allSent !== null };
}

function showErrors(form, chosen, messages) {
  const errors = form.querySelector(".errors");
  const list = document.createElement("ul");
  list.className = "errorlist";
  for (const message of messages) list.appendChild(document.createElement("li")).textContent = message;
  errors.replaceChildren(...(messages.length ? [list] : []));
  chosen.explain(messages);
  if (messages.length) errors.focus();
}

// The browser has already followed the redirect, and Django shows a message only once. Loading the page again
// would lose the message, so show the page in the response.
function showPage(html, url) {
  history.replaceState(null, "", url);
  document.open();
  document.write(html);
  document.close();
  document.querySelector(".messages")?.focus();
}

function statusText(status) {
  if (status === 400) return "The server rejected this form (400). Send fewer photos at once.";
  if (status === 403) return "This form has expired (403). Reload the page and choose the photos again.";
  if (status === 413) return "This upload is too large (413). Send fewer photos at once.";
  if (status >= 500) return `The server failed (${status}). The reason is in its log. Your photos are still selected.`;
  return `The server rejected the upload (${status}).`;
}

function count(photos) {
  return photos === 1 ? "1 photo" : `${photos} photos`;
}

function bytesText(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function secondsText(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
