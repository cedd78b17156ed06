// Runs in every page before the page's own scripts: keeps what the checks ask for.
window.watched = { connections: [], frames: [], socketInput: 0, channelInput: 0 };
window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...options) {
    super(...options);
    window.watched.connections.push(this);
  }
};
// Which way keys and pointer go.
const isInput = (data) => /"type":"(key|point|move|button|wheel|type)"/.test(data);
const socketSend = WebSocket.prototype.send;
WebSocket.prototype.send = function send(data) {
  window.watched.socketInput += isInput(data);
  return socketSend.call(this, data);
};
const channelSend = RTCDataChannel.prototype.send;
RTCDataChannel.prototype.send = function send(data) {
  window.watched.channelInput += isInput(data);
  return channelSend.call(this, data);
};
// Each picture that is shown: when, by the clock on the wall, and its RTP time.
const request = HTMLVideoElement.prototype.requestVideoFrameCallback;
HTMLVideoElement.prototype.requestVideoFrameCallback = function requestVideoFrameCallback(callback) {
  return request.call(this, (now, data) => {
    window.watched.frames.push([performance.timeOrigin + data.expectedDisplayTime, data.rtpTimestamp, performance.timeOrigin + performance.now(), data.captureTime ?? null]);
    callback(now, data);
  });
};
// What the video shows, as a PNG.
window.watched.shown = () => {
  const video = document.querySelector('#video');
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext('2d').drawImage(video, 0, 0);
  return canvas.convertToBlob().then((blob) => new Promise((done) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.readAsDataURL(blob);
  }));
};
window.watched.stats = async () => {
  const reports = await window.watched.connections.at(-1).getStats();
  const video = [...reports.values()].find((report) => report.type === 'inbound-rtp' && report.kind === 'video');
  const pair = [...reports.values()].find((report) => report.type === 'candidate-pair' && report.nominated);
  return { ...video, round_trip: pair?.currentRoundTripTime };
};
