(func (;3;) (type 0) (param i32 i32 i64) (result i32)
  (local i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i64 i64 i64 i64 i64 f64 f64 f32 i64 i64 i64 i64)
  (local.set 3
    (i32.load offset=388 align=1
      (local.get 0)))
  (local.set 22
    (i64.load offset=528 align=1
      (local.get 0)))
  (local.set 21
    (i64.load offset=536 align=1
      (local.get 0)))
  (local.set 23
    (i64.load offset=544 align=1
      (local.get 0)))
  (local.set 24
    (i64.load offset=552 align=1
      (local.get 0)))
  (block  ;; label = @1
    (loop  ;; label = @2
      (block  ;; label = @3
        (if  ;; label = @4
          (i32.lt_s
            (local.get 1)
            (i32.const 3))
          (then
            (local.set 5
              (i32.const 1))
            (local.set 13
              (i64.add
                (local.get 2)
                (i64.const 0)))
            (br 3 (;@1;))))
        (local.set 1
          (i32.sub
            (local.get 1)
            (i32.const 2)))
        (local.set 21
          (i64.const 10))
        (if  ;; label = @4
          (i64.eq
            (local.get 22)
            (local.get 23))
          (then
            (br 1 (;@3;)))
          (else
            (loop  ;; label = @5
              (if  ;; label = @6
                (i32.lt_s
                  (local.get 1)
                  (i32.const 6))
                (then
                  (local.set 5
                    (i32.const 1))
                  (local.set 13
                    (i64.add
                      (local.get 2)
                      (i64.const 8)))
                  (br 5 (;@1;))))
              (local.set 1
                (i32.sub
                  (local.get 1)
                  (i32.const 3)))
              (local.set 22
                (i64.add
                  (local.get 22)
                  (i64.const 1)))
              (local.set 21
                (i64.add
                  (local.get 21)
                  (i64.const -1)))
              (if  ;; label = @6
                (i64.ne
                  (local.get 21)
                  (i64.const 0))
                (then
                  (local.set 1
                    (i32.sub
                      (local.get 1)
                      (i32.const 1)))
                  (if  ;; label = @7
                    (i64.eq
                      (local.get 22)
                      (local.get 23))
                    (then
                      (br 4 (;@3;)))
                    (else
                      (br 2 (;@5;)))))
                (else
                  (local.set 1
                    (i32.sub
                      (local.get 1)
                      (i32.const 2)))
                  (local.set 24
                    (i64.add
                      (local.get 24)
                      (i64.const -1)))
                  (if  ;; label = @7
                    (i64.ne
                      (local.get 24)
                      (i64.const 0))
                    (then
                      (br 5 (;@2;)))
                    (else
                      (br 4 (;@3;))))))))))
      (local.set 1
        (i32.sub
          (local.get 1)
          (i32.const 1)))
      (local.set 1
        (i32.add
          (local.get 1)
          (i32.const 1)))
      (local.set 5
        (i32.const 1))
      (local.set 13
        (i64.add
          (local.get 2)
          (i64.const 28)))
      (br 1 (;@1;))))
  (i64.store offset=528 align=1
    (local.get 0)
    (local.get 22))
  (i64.store offset=536 align=1
    (local.get 0)
    (local.get 21))
  (i64.store offset=552 align=1
    (local.get 0)
    (local.get 24))
  (i64.store align=1
    (local.get 0)
    (local.get 13))
  (i32.store offset=376 align=1
    (local.get 0)
    (local.get 5))
  (local.get 1))
