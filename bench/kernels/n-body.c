// Five bodies under gravity: double arithmetic with square roots and divisions.
#include "kernel.h"

#define BODIES 5
const uint32_t repeat = 1200;

static struct {
  double x, y, z, vx, vy, vz, mass;
} bodies[BODIES];

static void prepare(void) {
  uint64_t seed = 11;
  for (int i = 0; i < BODIES; i++) {
    bodies[i].x = (double)(next_random(&seed) % 1000) / 50;
    bodies[i].y = (double)(next_random(&seed) % 1000) / 50;
    bodies[i].z = (double)(next_random(&seed) % 1000) / 50;
    bodies[i].vx = bodies[i].vy = bodies[i].vz = 0;
    bodies[i].mass = (double)(i + 1) / 8;
  }
}

static void advance(double dt) {
  for (int i = 0; i < BODIES; i++)
    for (int j = i + 1; j < BODIES; j++) {
      double dx = bodies[i].x - bodies[j].x, dy = bodies[i].y - bodies[j].y, dz = bodies[i].z - bodies[j].z;
      double distance = dx * dx + dy * dy + dz * dz + 0.01;
      double magnitude = dt / (distance * __builtin_sqrt(distance));
      bodies[i].vx -= dx * bodies[j].mass * magnitude;
      bodies[i].vy -= dy * bodies[j].mass * magnitude;
      bodies[i].vz -= dz * bodies[j].mass * magnitude;
      bodies[j].vx += dx * bodies[i].mass * magnitude;
      bodies[j].vy += dy * bodies[i].mass * magnitude;
      bodies[j].vz += dz * bodies[i].mass * magnitude;
    }
  for (int i = 0; i < BODIES; i++) {
    bodies[i].x += dt * bodies[i].vx;
    bodies[i].y += dt * bodies[i].vy;
    bodies[i].z += dt * bodies[i].vz;
  }
}

uint64_t run(uint32_t round) {
  if (round == 0) prepare();
  for (int step = 0; step < 500; step++) advance(0.001);
  union {
    double value;
    uint64_t bits;
  } x = {.value = bodies[round % BODIES].x};
  return x.bits;
}
