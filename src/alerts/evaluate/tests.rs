mod causes;
mod documented;
mod forgers;
mod machine;
mod properties;
mod sessions;
mod silence;
mod world;
