"""Primes below a limit, in plain Python: integers, a bytearray, and no slices that C would do at once."""
import sys

limit = int(sys.argv[1])
composite = bytearray(limit)
count = total = 0
for number in range(2, limit):
    if composite[number]:
        continue
    count += 1
    total += number
    for multiple in range(number * number, limit, number):
        composite[multiple] = 1
print(count, total)
