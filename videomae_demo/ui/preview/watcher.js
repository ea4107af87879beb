// Tells Python of a clip that the browser can't show: an unknown container is an error, an unknown
// codec beside a known sound is a film without a picture. Neither event bubbles, hence the capture.

function inspect(event) {
  const video = event.target;
  if (!(video instanceof HTMLVideoElement) || !video.closest(WATCHED) || !video.currentSrc) return;
  if (event.type !== "error" && video.videoWidth > 0) return;
  event.stopPropagation(); // no complaint: a preview is on its way
  trigger("unplayable", {});
}

document.addEventListener("error", inspect, true);
document.addEventListener("loadedmetadata", inspect, true);
