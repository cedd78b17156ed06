//! The page's files, built into the program.

/// A file of the page.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: &'static str,
    pub(crate) mime: &'static str,
    pub(crate) text: &'static str,
}

macro_rules! files {
    ($($path:literal $file:literal $mime:literal)*) => {
        &[$(File { path: $path, mime: $mime, text: include_str!(concat!("page/", $file)) }),*]
    };
}

/// All of them. They refer to nothing else.
pub(crate) const FILES: &[File] = files! {
    "/" "index.html" "text/html; charset=utf-8"
    "/page.css" "page.css" "text/css; charset=utf-8"
    "/icon.svg" "icon.svg" "image/svg+xml"
    "/page.js" "page.js" "text/javascript; charset=utf-8"
    "/bytes.js" "bytes.js" "text/javascript; charset=utf-8"
    "/contexts.js" "contexts.js" "text/javascript; charset=utf-8"
    "/deltas.js" "deltas.js" "text/javascript; charset=utf-8"
    "/film.js" "film.js" "text/javascript; charset=utf-8"
    "/h264.js" "h264.js" "text/javascript; charset=utf-8"
    "/inflate.js" "inflate.js" "text/javascript; charset=utf-8"
    "/jpeg.js" "jpeg.js" "text/javascript; charset=utf-8"
    "/keyboard.js" "keyboard.js" "text/javascript; charset=utf-8"
    "/keyrow.js" "keyrow.js" "text/javascript; charset=utf-8"
    "/line.js" "line.js" "text/javascript; charset=utf-8"
    "/notice.js" "notice.js" "text/javascript; charset=utf-8"
    "/panel.js" "panel.js" "text/javascript; charset=utf-8"
    "/picture.js" "picture.js" "text/javascript; charset=utf-8"
    "/planes.js" "planes.js" "text/javascript; charset=utf-8"
    "/pointer.js" "pointer.js" "text/javascript; charset=utf-8"
    "/probe.js" "probe.js" "text/javascript; charset=utf-8"
    "/rects.js" "rects.js" "text/javascript; charset=utf-8"
    "/tight.js" "tight.js" "text/javascript; charset=utf-8"
    "/webrtc.js" "webrtc.js" "text/javascript; charset=utf-8"
};

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between each `before` and the `after` that follows it.
    fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(move |rest| Some(rest.split_once(after)?.0))
    }

    #[test]
    fn every_file_that_is_referred_to_is_there() {
        for file in FILES {
            let scripts = between(file.text, "from './", '\'');
            let links = between(file.text, "src=\"/", '"').chain(between(
                file.text,
                "rel=\"stylesheet\" href=\"/",
                '"',
            ));
            for name in scripts.chain(links) {
                assert!(FILES.iter().any(|file| file.path[1..] == *name), "{} refers to {name}", file.path);
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for file in FILES {
            for place in between(file.text, "://", '"').filter(|place| !place.starts_with("www.w3.org/")) {
                assert!(place.contains("location.host"), "{} names {place}", file.path);
            }
        }
    }
}
