// Gradio hears that something was accepted once it has heard which streams had ended, see endings.py.
{
  const HEADER = "x-stream";
  const LONGEST_WAIT_MS = 5000; // for an end that was lost on the way
  const page = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const fetched = window.fetch;
  let last = { number: 0, isHeard: Promise.resolve() }; // the stream that was opened last

  const listen = (request) => {
    const isHeard = new Promise((hear) => request.signal.addEventListener("abort", hear)); // so gradio ends it
    last = { number: last.number + 1, isHeard };
    request.headers.set(HEADER, `${page} ${last.number}`);
    return fetched(request);
  };

  const join = async (request) => {
    request.headers.set(HEADER, page);
    const answer = await fetched(request);
    const hasEnded = last.number <= Number(answer.headers.get(HEADER));
    if (hasEnded) await Promise.race([last.isHeard, new Promise((stop) => setTimeout(stop, LONGEST_WAIT_MS))]);
    return answer;
  };

  const SPECIAL = { "/gradio_api/queue/data": listen, "/gradio_api/queue/join": join };
  window.fetch = (given, ...more) => {
    const { pathname } = new URL(given?.url ?? given, window.location.href);
    const route = Object.keys(SPECIAL).find((end) => pathname.endsWith(end));
    return route ? SPECIAL[route](new Request(given, ...more)) : fetched(given, ...more);
  };
}
