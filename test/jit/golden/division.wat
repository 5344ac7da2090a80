(func (;3;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 23
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 22
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 21
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 24
    (i64.load offset=552 align=1
      (local.get 0)))
  (local.set 25
    (i64.load offset=560 align=1
      (local.get 0)))
  (local.set 26
    (i64.load offset=568 align=1
      (local.get 0)))
  (block  ;; label = @1
    (if  ;; label = @2
      (i32.lt_s
        (local.get 1)
        (i32.const 5))
      (then
        (local.set 5
          (i32.const 1))
        (local.set 13
          (i64.add
            (local.get 2)
            (i64.const 0)))
        (br 1 (;@1;))))
    (local.set 1
      (i32.sub
        (local.get 1)
        (i32.const 5)))
    (local.set 23
      (if (result i64)  ;; label = @2
        (i64.gt_u
          (i64.add
            (local.get 21)
            (i64.const 1))
          (i64.const 1))
        (then
          (i64.div_s
            (local.get 22)
            (local.get 21)))
        (else
          (select
            (i64.sub
              (i64.const 0)
              (local.get 22))
            (i64.const -1)
            (i32.wrap_i64
              (local.get 21))))))
    (local.set 24
      (if (result i64)  ;; label = @2
        (i64.eqz
          (local.get 21))
        (then
          (local.get 22))
        (else
          (i64.rem_u
            (local.get 22)
            (local.get 21)))))
    (local.set 25
      (if (result i64)  ;; label = @2
        (i32.gt_u
          (i32.add
            (i32.wrap_i64
              (local.get 21))
            (i32.const 1))
          (i32.const 1))
        (then
          (i64.extend_i32_s
            (i32.div_s
              (i32.wrap_i64
                (local.get 22))
              (i32.wrap_i64
                (local.get 21)))))
        (else
          (i64.extend32_s
            (select
              (i64.sub
                (i64.const 0)
                (local.get 22))
              (i64.const -1)
              (i32.wrap_i64
                (local.get 21)))))))
    (local.set 26
      (i64.add
        (i64.add
          (i64.mul
            (i64.shr_s
              (local.get 22)
              (i64.const 32))
            (i64.shr_u
              (local.get 21)
              (i64.const 32)))
          (i64.shr_s
            (local.tee 12
              (i64.add
                (i64.mul
                  (i64.shr_s
                    (local.get 22)
                    (i64.const 32))
                  (i64.extend_i32_u
                    (i32.wrap_i64
                      (local.get 21))))
                (i64.shr_u
                  (i64.mul
                    (i64.extend_i32_u
                      (i32.wrap_i64
                        (local.get 22)))
                    (i64.extend_i32_u
                      (i32.wrap_i64
                        (local.get 21))))
                  (i64.const 32))))
            (i64.const 32)))
        (i64.shr_u
          (i64.add
            (i64.mul
              (i64.extend_i32_u
                (i32.wrap_i64
                  (local.get 22)))
              (i64.shr_u
                (local.get 21)
                (i64.const 32)))
            (i64.extend_i32_u
              (i32.wrap_i64
                (local.get 12))))
          (i64.const 32))))
    (local.set 1
      (i32.add
        (local.get 1)
        (i32.const 1)))
    (local.set 5
      (i32.const 1))
    (local.set 13
      (i64.add
        (local.get 2)
        (i64.const 16)))
    (br 0 (;@1;)))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 23))
  (i64.store offset=552 align=1
    (local.get 0)
    (local.get 24))
  (i64.store offset=560 align=1
    (local.get 0)
    (local.get 25))
  (i64.store offset=568 align=1
    (local.get 0)
    (local.get 26))
  (i64.store align=1
    (local.get 0)
    (local.get 13))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
