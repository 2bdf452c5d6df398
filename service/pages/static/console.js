// Lets the reader of /docs send each call; the key stays in this page.
"use strict";
(() => {
  const key = document.querySelector("#key");
  document.querySelectorAll("[data-console]").forEach((part) => (part.hidden = false));
  for (const form of document.querySelectorAll("form[data-path]"))
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const said = form.querySelector("output");
      said.textContent = "…";
      const headers = key.value ? { authorization: `Bearer ${key.value}` } : {};
      const query = new URLSearchParams();
      let path = form.dataset.path;
      for (const field of form.querySelectorAll("[data-in]")) {
        const { name, value } = field;
        if (field.dataset.in === "path") path = path.replace(new RegExp(`{${name}[^}]*}`), encodeURIComponent(value));
        else if (value && field.dataset.in === "query") query.append(name, value);
        else if (value) headers[name] = value;
      }
      const body = form.querySelector("textarea")?.value;
      if (body) headers["content-type"] = "application/json";
      try {
        const asked = path.slice(1) + (String(query) && `?${query}`);
        const answer = await fetch(asked, { method: form.dataset.method, headers, body });
        const text = await answer.text();
        const json = (answer.headers.get("content-type") ?? "").includes("json") && text;
        said.textContent = `${answer.status}\n${json ? JSON.stringify(JSON.parse(text), null, 2) : text}`;
      } catch (fault) {
        said.textContent = `not sent: ${fault.message}`;
      }
    });
})();
