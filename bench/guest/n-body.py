"""Four planets about a sun, in plain Python: floating point, attributes, lists and calls."""
import sys


class Body:
    def __init__(self, mass, position, velocity):
        self.mass = mass
        self.position = list(position)
        self.velocity = list(velocity)


def planets():
    sun = Body(1000.0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    others = [Body(1.0 + i, (10.0 * i, 1.0 / i, 0.5), (0.0, (100.0 / i) ** 0.5, 0.01 * i)) for i in range(1, 5)]
    return [sun, *others]


def step(bodies, dt):
    for i, one in enumerate(bodies):
        for other in bodies[i + 1 :]:
            delta = [a - b for a, b in zip(one.position, other.position)]
            distance = sum(d * d for d in delta) ** 0.5
            pull = dt / (distance * distance * distance)
            for axis in range(3):
                one.velocity[axis] -= delta[axis] * other.mass * pull
                other.velocity[axis] += delta[axis] * one.mass * pull
    for body in bodies:
        for axis in range(3):
            body.position[axis] += body.velocity[axis] * dt


def energy(bodies):
    total = 0.0
    for i, one in enumerate(bodies):
        total += 0.5 * one.mass * sum(v * v for v in one.velocity)
        for other in bodies[i + 1 :]:
            distance = sum((a - b) ** 2 for a, b in zip(one.position, other.position)) ** 0.5
            total -= one.mass * other.mass / distance
    return total


bodies = planets()
for _ in range(int(sys.argv[1])):
    step(bodies, 0.001)
print(repr(energy(bodies)))
