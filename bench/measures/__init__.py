"""One measurement a module: each has one coroutine function `measure` that takes an empty directory to work in."""
