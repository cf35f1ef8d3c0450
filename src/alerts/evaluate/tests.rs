mod causes;
mod documented;
mod machine;
mod properties;
mod sessions;
mod silence;
mod world;
