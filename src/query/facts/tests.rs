mod post;
mod scenario;
mod year;
