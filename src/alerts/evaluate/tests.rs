mod causes;
mod machine;
mod properties;
mod sessions;
mod silence;
mod world;
