(func (;4;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 6
    (i32.and
      (i32.and
        (i32.load offset=216 align=1
          (local.get 0))
        (i32.const 1))
      (i32.eqz
        (i32.load offset=212 align=1
          (local.get 0)))))
  (local.set 13
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 9
    (i64.load offset=848 align=1
      (local.get 0)))
  (local.set 10
    (i64.load offset=856 align=1
      (local.get 0)))
  (local.set 11
    (i64.load offset=864 align=1
      (local.get 0)))
  (local.set 12
    (i64.load offset=872 align=1
      (local.get 0)))
  (block  ;; label = @1
    (loop  ;; label = @2
      (if  ;; label = @3
        (i32.lt_s
          (local.tee 1
            (i32.sub
              (local.get 1)
              (i32.const 4)))
          (i32.const 0))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 4)))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (if  ;; label = @3
        (i64.ne
          (i64.and
            (i64.load offset=32 align=1
              (local.get 0))
            (i64.const 24576))
          (i64.const 24576))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 4)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (if  ;; label = @3
        (i32.lt_s
          (i32.const 4)
          (i32.load offset=212 align=1
            (local.get 0)))
        (then
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 4)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 0)))
          (br 2 (;@1;))))
      (local.set 7
        (i64.reinterpret_f64
          (f64.add
            (f64.reinterpret_i64
              (local.get 9))
            (f64.reinterpret_i64
              (local.get 10)))))
      (local.set 9
        (if (result i64)  ;; label = @3
          (i32.and
            (local.get 6)
            (i64.lt_u
              (i64.sub
                (i64.and
                  (i64.shr_u
                    (local.get 7)
                    (i64.const 52))
                  (i64.const 2047))
                (i64.const 0))
              (i64.const 2047)))
          (then
            (local.get 7))
          (else
            (call 2
              (i32.const 166)
              (local.get 9)
              (local.get 10)
              (i64.const 0)
              (i32.load offset=212 align=1
                (local.get 0))))))
      (local.set 7
        (i64.reinterpret_f64
          (f64.mul
            (f64.reinterpret_i64
              (local.get 9))
            (f64.reinterpret_i64
              (local.get 9)))))
      (local.set 11
        (if (result i64)  ;; label = @3
          (i32.and
            (local.get 6)
            (i64.lt_u
              (i64.sub
                (i64.and
                  (i64.shr_u
                    (local.get 7)
                    (i64.const 52))
                  (i64.const 2047))
                (i64.const 2))
              (i64.const 2045)))
          (then
            (local.get 7))
          (else
            (call 2
              (i32.const 168)
              (local.get 9)
              (local.get 9)
              (i64.const 0)
              (i32.const 0)))))
      (local.set 13
        (if (result i64)  ;; label = @3
          (i32.and
            (f64.eq
              (f64.reinterpret_i64
                (local.get 9))
              (f64.reinterpret_i64
                (local.get 9)))
            (f64.eq
              (f64.reinterpret_i64
                (local.get 12))
              (f64.reinterpret_i64
                (local.get 12))))
          (then
            (i64.extend_i32_u
              (f64.lt
                (f64.reinterpret_i64
                  (local.get 9))
                (f64.reinterpret_i64
                  (local.get 12)))))
          (else
            (call 2
              (i32.const 177)
              (local.get 9)
              (local.get 12)
              (i64.const 0)
              (i32.const 0)))))
      (if  ;; label = @3
        (i64.ne
          (local.get 13)
          (i64.const 0))
        (then
          (br 1 (;@2;)))
        (else
          (if  ;; label = @4
            (i32.lt_s
              (local.tee 1
                (i32.sub
                  (local.get 1)
                  (i32.const 1)))
              (i32.const 0))
            (then
              (local.set 1
                (i32.add
                  (local.get 1)
                  (i32.const 1)))
              (local.set 8
                (i64.add
                  (local.get 2)
                  (i64.const 16)))
              (br 3 (;@1;))))
          (local.set 1
            (i32.add
              (local.get 1)
              (i32.const 1)))
          (local.set 5
            (i32.const 1))
          (local.set 8
            (i64.add
              (local.get 2)
              (i64.const 16)))
          (br 2 (;@1;))))))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 13))
  (i64.store offset=848 align=1
    (local.get 0)
    (local.get 9))
  (i64.store offset=864 align=1
    (local.get 0)
    (local.get 11))
  (i64.store align=1
    (local.get 0)
    (local.get 8))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
