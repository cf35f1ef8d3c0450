mod post;
mod rows;
mod scenario;
mod year;
