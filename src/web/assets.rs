//! Style sheet, script and icon: embedded, addressed by their content so that browsers may keep them for ever.

use std::{borrow::Cow, path::Path};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, IfNoneMatch},
    web,
};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::Site;

#[derive(Embed)]
#[folder = "web/static"]
struct Static;

/// The address of a static file. It changes when the content does.
pub(crate) fn url(dev: Option<&Path>, name: &str) -> Option<String> {
    let bytes = read(dev, name)?;
    Some(format!("/static/{}/{name}", digest(&bytes)))
}

pub(crate) async fn file(
    site: web::Data<Site>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
) -> HttpResponse {
    let (_, name) = path.into_inner();
    serve(&site, &request, &name)
}

pub(crate) async fn icon(site: web::Data<Site>, request: HttpRequest) -> HttpResponse {
    serve(&site, &request, "icon.svg")
}

fn serve(site: &Site, request: &HttpRequest, name: &str) -> HttpResponse {
    let Some(bytes) = read(site.templates.dev(), name) else {
        return HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("no such file\n");
    };
    let tag = EntityTag::new_strong(digest(&bytes));
    let mut answer = HttpResponse::Ok();
    if is_known(request, &tag) {
        answer = HttpResponse::NotModified();
    }
    answer.insert_header((header::ETAG, tag.to_string()));
    answer.insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    if site.templates.dev().is_some() {
        answer.insert_header((header::CACHE_CONTROL, "no-cache"));
    }
    answer.content_type(media_type(name));
    if is_known(request, &tag) { answer.finish() } else { answer.body(bytes.into_owned()) }
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    use actix_web::http::header::Header;
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

/// Names are those of the embedded files and nothing else, so that no path leads out of the directory.
fn read(dev: Option<&Path>, name: &str) -> Option<Cow<'static, [u8]>> {
    let embedded = Static::get(name)?;
    match dev {
        Some(web) => std::fs::read(web.join("static").join(name)).ok().map(Cow::Owned),
        None => Some(embedded.data),
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
